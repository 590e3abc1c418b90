//! Calls through the generated clients and processors, over bytes in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use roundtable::wire;
use thrift::ApplicationErrorKind;
use thrift::protocol::{TBinaryOutputProtocol, TOutputProtocol};
use thrift::server::TProcessor;

use wire::protocol::{BinaryInput, Limits, output};
use wire::rpc::CallError;
use wire::stubs::types::{DType, Fault, FaultCode};
use wire::value::Value;

include!(concat!(env!("OUT_DIR"), "/probe.rs"));

use probe::{Colour, Every, Maybe, Nothing, ProbeClient, ProbeHandler, ProbeProcessor, Trouble};

/// Answers `turn` from its argument and writes down what it is told.
#[derive(Default)]
struct Mirror {
    told: Mutex<Vec<Maybe>>,
}

impl ProbeHandler for Mirror {
    fn turn(&self, every: Every) -> Result<Maybe, Trouble> {
        if !every.flag {
            let message = Some("no flag".to_owned());
            let code = Colour::DEEP_BLUE;
            return Err(Trouble { code, message });
        }
        let medium = Some(every.medium);
        Ok(Maybe {
            medium,
            every: Some(every),
            ..Maybe::default()
        })
    }

    fn tell(&self, maybe: Maybe) {
        self.told.lock().unwrap().push(maybe);
    }

    fn r#loop(&self, _: Nothing) -> Result<Nothing, Trouble> {
        Ok(Nothing {})
    }
}

type Client<'a> = ProbeClient<BinaryInput<&'a [u8]>, TBinaryOutputProtocol<Vec<u8>>>;

/// A client that writes to memory and will read `answers`.
fn client(answers: &[u8]) -> Client<'_> {
    let input = BinaryInput::new(answers, Limits::default());
    ProbeClient::new(input, TBinaryOutputProtocol::new(Vec::new(), true))
}

/// What a client sends in `calls`.
fn sent(calls: impl FnOnce(&mut Client<'_>)) -> Vec<u8> {
    let mut client = client(&[]);
    calls(&mut client);
    client.channel().output().transport.clone()
}

/// Serves calls until one fails or none is left: the answers, and how often it went well.
fn serve(mut requests: &[u8], handler: &Arc<Mirror>) -> (Vec<u8>, usize, Option<thrift::Error>) {
    let processor = ProbeProcessor::new(Arc::clone(handler));
    let mut answers = TBinaryOutputProtocol::new(Vec::new(), true);
    let mut served = 0;
    while !requests.is_empty() {
        let mut input = BinaryInput::new(&mut requests, Limits::default());
        if let Err(error) = processor.process(&mut input, &mut answers) {
            return (answers.transport, served, Some(error));
        }
        served += 1;
    }
    (answers.transport, served, None)
}

fn every(medium: i32) -> Every {
    Every {
        flag: true,
        medium,
        words: BTreeSet::from(["a".to_owned()]),
        ..Every::default()
    }
}

#[test]
fn calls_sent_ahead_are_answered_in_order() {
    let calls = |client: &mut Client<'_>| {
        assert_eq!(client.send_turn(&every(5)).unwrap(), 1);
        client
            .tell(&Maybe {
                large: Some(7),
                ..Maybe::default()
            })
            .unwrap();
        client.send_turn(&Every::default()).unwrap();
        client.send_loop(&Nothing {}).unwrap();
        assert_eq!(client.channel().waiting(), 3);
    };
    let mirror = Arc::new(Mirror::default());
    let (answers, served, error) = serve(&sent(calls), &mirror);
    assert_eq!((served, error.is_none()), (4, true));
    assert_eq!(mirror.told.lock().unwrap()[0].large, Some(7));

    let mut client = client(&answers);
    calls(&mut client);
    let turned = client.receive_turn().unwrap();
    assert_eq!(turned.medium, Some(5));
    assert_eq!(turned.every, Some(every(5)));
    let Err(CallError::Fault(trouble)) = client.receive_turn() else {
        panic!("the second call should fail");
    };
    assert_eq!(trouble.to_string(), "DEEP_BLUE: no flag");
    client.receive_loop().unwrap();
    assert_eq!(client.channel().waiting(), 0);
}

#[test]
fn asking_for_the_wrong_answer_breaks_the_connection_off() {
    let mut idle = client(&[]);
    assert!(idle.receive_loop().unwrap_err().is_transport());
    let requests = sent(|client| drop(client.send_loop(&Nothing {})));
    let (answers, ..) = serve(&requests, &Arc::default());
    let mut client = client(&answers);
    client.send_loop(&Nothing {}).unwrap();
    let wrong = client.receive_turn().unwrap_err();
    assert!(wrong.is_transport(), "{wrong}");
    // The answer that waits is never taken for that of a later call.
    assert!(client.channel().is_broken() && client.channel().waiting() == 0);
    assert!(client.r#loop(&Nothing {}).unwrap_err().is_transport());
}

#[test]
fn an_unknown_method_leaves_the_connection_in_step() {
    let mut requests = sent(|client| drop(client.send_turn(&every(1))));
    // The name in the header: version, length, then `turn`.
    requests[8..12].copy_from_slice(b"tern");
    requests.extend(sent(|client| drop(client.send_loop(&Nothing {}))));
    let (answers, served, error) = serve(&requests, &Arc::default());
    assert_eq!((served, error.is_none()), (2, true));

    let mut client = client(&answers);
    client.send_turn(&every(1)).unwrap();
    let Err(CallError::Application(refusal)) = client.receive_turn() else {
        panic!("there is no such method");
    };
    assert_eq!(refusal.kind, ApplicationErrorKind::UnknownMethod);
    assert!(refusal.message.contains("`tern`"), "{}", refusal.message);
}

#[test]
fn unreadable_arguments_are_answered_and_end_the_connection() {
    let mut requests = sent(|client| drop(client.send_turn(&every(1))));
    // The first field of the request (after name, number and the argument's header): bool to i8.
    let first = 4 + 4 + 4 + 4 + 3;
    assert_eq!(requests[first], 2);
    requests[first] = 3;
    requests.extend(sent(|client| drop(client.send_loop(&Nothing {}))));
    let (answers, served, error) = serve(&requests, &Arc::default());
    assert_eq!(served, 0);
    assert!(
        matches!(error, Some(thrift::Error::Protocol(_))),
        "{error:?}"
    );

    let mut client = client(&answers);
    client.send_turn(&every(1)).unwrap();
    let Err(CallError::Application(refusal)) = client.receive_turn() else {
        panic!("the request cannot be read");
    };
    assert_eq!(refusal.kind, ApplicationErrorKind::ProtocolError);
    assert!(
        refusal.message.contains("Every.flag"),
        "{}",
        refusal.message
    );
}

#[test]
fn oneway_calls_are_never_answered() {
    let mut requests = sent(|client| client.tell(&Maybe::default()).unwrap());
    let (answers, served, _) = serve(&requests, &Arc::default());
    assert_eq!((answers.len(), served), (0, 1));
    // The same as a call that awaits an answer: the IDL decides.
    requests[3] = 1;
    assert_eq!(serve(&requests, &Arc::default()).0.len(), 0);
    // And a call that says it awaits none gets none.
    let mut unheard = sent(|client| drop(client.send_loop(&Nothing {})));
    unheard[3] = 4;
    let (answers, served, _) = serve(&unheard, &Arc::default());
    assert_eq!((answers.len(), served), (0, 1));
    // The argument's id: required, and now unknown.
    let length = requests.len();
    requests[length - 3] = 9;
    let (answers, served, error) = serve(&requests, &Arc::default());
    assert_eq!((answers.len(), served, error.is_some()), (0, 0, true));
}

#[test]
fn a_broken_connection_says_so() {
    let requests = sent(|client| drop(client.send_turn(&every(1))));
    let (answers, ..) = serve(&requests, &Arc::default());
    let mut client = client(&answers[..answers.len() - 1]);
    client.send_turn(&every(1)).unwrap();
    let first = client.receive_turn().unwrap_err();
    assert!(first.is_transport() && client.channel().is_broken());
    let next = client.r#loop(&Nothing {}).unwrap_err().to_string();
    assert!(next.contains("open a new one"), "{next}");
}

#[test]
fn an_answer_to_another_call_is_an_error() {
    let requests = sent(|client| {
        client.send_loop(&Nothing {}).unwrap();
        client.send_loop(&Nothing {}).unwrap();
    });
    let (answers, ..) = serve(&requests, &Arc::default());
    let mut client = client(&answers[answers.len() / 2..]);
    client.send_loop(&Nothing {}).unwrap();
    assert!(client.receive_loop().unwrap_err().is_transport());
}

#[test]
fn an_answer_sent_to_a_server_is_refused() {
    let mut requests = sent(|client| drop(client.send_loop(&Nothing {})));
    requests[3] = 2;
    let (answers, served, error) = serve(&requests, &Arc::default());
    assert!(!answers.is_empty() && served == 0);
    assert!(matches!(error, Some(thrift::Error::Application(_))));
}

#[test]
fn enums_keep_values_they_do_not_know() {
    let mut bytes = output(Vec::new());
    DType(17).write(&mut bytes).unwrap();
    bytes.flush().unwrap();
    let bytes = bytes.transport.into_inner().unwrap();
    let read = DType::read(&mut BinaryInput::new(bytes.as_slice(), Limits::default())).unwrap();
    assert_eq!(
        (read, format!("{read:?} {read}")),
        (DType(17), "DType(17) DType(17)".to_owned())
    );
    assert_eq!(format!("{:?} {}", DType::F32, FaultCode::BUSY), "F32 BUSY");
    assert_eq!(DType::default(), DType::UNKNOWN);
    assert_eq!(DType::ALL.len(), 3);
}

#[test]
fn binaries_are_shown_in_brief() {
    let maybe = Maybe {
        data: Some((0..200).collect()),
        blobs: Some(vec![Default::default(), b"a".as_slice().into()]),
        ..Maybe::default()
    };
    let shown = format!("{maybe:?}");
    assert!(
        shown.contains("data: Some(200 bytes: 0001020304050607…)"),
        "{shown}"
    );
    assert!(
        shown.contains("blobs: Some([0 bytes, 1 bytes: 61])"),
        "{shown}"
    );
}

#[test]
fn a_fault_reads_as_a_sentence() {
    let fault = Fault {
        code: FaultCode::BUSY,
        message: "all 4 slots are taken".to_owned(),
        hint: Some("try again in a second".to_owned()),
        ..Fault::default()
    };
    let shown = CallError::Fault(fault).to_string();
    assert_eq!(shown, "BUSY: all 4 slots are taken - try again in a second");
}

#[test]
fn constants_carry_over() {
    assert_eq!((probe::LARGEST, probe::SMALLEST), (2_147_483_648, -128));
    assert_eq!(probe::GREETING, "say \"hello\"");
    assert_eq!(wire::stubs::types::INLINE_LIMIT, 8 << 20);
}
