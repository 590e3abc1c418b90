//! The calling side of a connection.

use std::collections::VecDeque;

use thrift::protocol::{TInputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol};
use thrift::{ApplicationError, ApplicationErrorKind, TransportErrorKind, new_transport_error};

use super::{CallError, describe};
use crate::wire::value::{Value, invalid, read_field, read_struct, write_field, write_struct};

/// A connection with the calls that wait for their answers on it.
///
/// Several calls may be sent before the first answer is read. A peer serves them in order and only
/// reads on when it has written, so either the requests or the answers that are under way must fit
/// into the buffers between the two, or both sides wait for ever.
#[derive(Debug)]
pub struct Channel<I, O> {
    input: I,
    output: O,
    sequence: i32,
    waiting: VecDeque<(i32, &'static str)>,
    /// Why the connection is of no more use.
    broken: Option<String>,
}

impl<I: TInputProtocol, O: TOutputProtocol> Channel<I, O> {
    /// A channel over the two ends of a connection.
    pub fn new(input: I, output: O) -> Self {
        Channel {
            input,
            output,
            sequence: 0,
            waiting: VecDeque::new(),
            broken: None,
        }
    }

    /// How many calls wait for their answer.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether an error left the connection out of step. All further calls fail.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// The writing end.
    pub fn output(&mut self) -> &mut O {
        &mut self.output
    }

    /// Sends a call whose only argument has the id `argument`; gives its sequence number.
    pub fn send<A: Value, E>(
        &mut self,
        method: &'static str,
        argument: i16,
        request: &A,
    ) -> Result<i32, CallError<E>> {
        let sequence = self.write(method, TMessageType::Call, argument, request)?;
        self.waiting.push_back((sequence, method));
        Ok(sequence)
    }

    /// Sends a call that has no answer.
    pub fn send_oneway<A: Value>(
        &mut self,
        method: &'static str,
        argument: i16,
        request: &A,
    ) -> thrift::Result<()> {
        self.write(method, TMessageType::OneWay, argument, request)
            .map(drop)
    }

    /// Waits for the answer to the oldest call, which must be of `method`. `fault` is the id of the
    /// exception. Where another call is the oldest, answers were left unread, and the connection is of no more use.
    pub fn receive<R: Value, E: Value>(
        &mut self,
        method: &'static str,
        fault: i16,
    ) -> Result<R, CallError<E>> {
        self.check()?;
        let sequence = match self.waiting.front() {
            Some(&(sequence, oldest)) if oldest == method => sequence,
            oldest => {
                let oldest = oldest.map_or("no call", |(_, oldest)| oldest);
                let message = format!("asked for the answer to `{method}` while {oldest} waits");
                return Err(self.break_off(invalid(message)).into());
            }
        };
        let answer = read_answer(&mut self.input, method, sequence, fault);
        self.waiting.pop_front();
        let answer = answer.map_err(|error| self.break_off(error))?;
        answer.into_result(method)
    }

    fn write<A: Value>(
        &mut self,
        method: &'static str,
        kind: TMessageType,
        argument: i16,
        request: &A,
    ) -> thrift::Result<i32> {
        self.check()?;
        self.sequence = self.sequence.wrapping_add(1);
        let header = TMessageIdentifier::new(method, kind, self.sequence);
        write_call(&mut self.output, &header, argument, request)
            .map_err(|error| self.break_off(error))?;
        Ok(self.sequence)
    }

    fn check(&self) -> thrift::Result<()> {
        match &self.broken {
            None => Ok(()),
            Some(why) => {
                let message = format!("this connection failed before ({why}); open a new one");
                Err(new_transport_error(TransportErrorKind::NotOpen, message))
            }
        }
    }

    fn break_off(&mut self, error: thrift::Error) -> thrift::Error {
        self.broken = Some(describe(&error));
        self.waiting.clear();
        error
    }
}

fn write_call<A: Value>(
    output: &mut dyn TOutputProtocol,
    header: &TMessageIdentifier,
    argument: i16,
    request: &A,
) -> thrift::Result<()> {
    output.write_message_begin(header)?;
    write_struct(output, |output| write_field(output, argument, request))?;
    output.write_message_end()?;
    output.flush()
}

/// An answer that was read to its end.
enum Answer<R, E> {
    Reply(Option<R>, Option<E>),
    Refusal(ApplicationError),
}

impl<R, E> Answer<R, E> {
    fn into_result(self, method: &str) -> Result<R, CallError<E>> {
        match self {
            Answer::Reply(_, Some(fault)) => Err(CallError::Fault(fault)),
            Answer::Reply(Some(reply), None) => Ok(reply),
            Answer::Reply(None, None) => {
                let message = format!("the answer to `{method}` is empty");
                let kind = ApplicationErrorKind::MissingResult;
                Err(CallError::Application(ApplicationError::new(kind, message)))
            }
            Answer::Refusal(error) => Err(CallError::Application(error)),
        }
    }
}

fn read_answer<R: Value, E: Value>(
    input: &mut dyn TInputProtocol,
    method: &str,
    sequence: i32,
    fault: i16,
) -> thrift::Result<Answer<R, E>> {
    let header = input.read_message_begin()?;
    // Some servers refuse what they cannot read without naming the method.
    let named = header.name == method || header.message_type == TMessageType::Exception;
    if header.sequence_number != sequence || !named {
        let (name, number) = (&header.name, header.sequence_number);
        let message =
            format!("expected answer {sequence} to `{method}`, found {number} to `{name}`");
        return Err(invalid(message));
    }
    let answer = match header.message_type {
        TMessageType::Reply => read_reply(input, fault)?,
        TMessageType::Exception => Answer::Refusal(read_refusal(input)?),
        other => return Err(invalid(format!("expected an answer, found {other}"))),
    };
    input.read_message_end()?;
    Ok(answer)
}

fn read_reply<R: Value, E: Value>(
    input: &mut dyn TInputProtocol,
    fault: i16,
) -> thrift::Result<Answer<R, E>> {
    let (mut reply, mut thrown) = (None, None);
    read_struct(input, |input, id, wire| {
        if id == 0 {
            read_field(input, wire, &mut reply, "the reply")
        } else if id == fault {
            read_field(input, wire, &mut thrown, "the fault")
        } else {
            input.skip(wire)
        }
    })?;
    Ok(Answer::Reply(reply, thrown))
}

fn read_refusal(input: &mut dyn TInputProtocol) -> thrift::Result<ApplicationError> {
    let (mut message, mut kind) = (None::<String>, None::<i32>);
    read_struct(input, |input, id, wire| match id {
        1 => read_field(input, wire, &mut message, "the refusal's message"),
        2 => read_field(input, wire, &mut kind, "the refusal's type"),
        _ => input.skip(wire),
    })?;
    let kind = kind.and_then(|kind| ApplicationErrorKind::try_from(kind).ok());
    Ok(ApplicationError::new(
        kind.unwrap_or(ApplicationErrorKind::Unknown),
        message.unwrap_or_default(),
    ))
}
