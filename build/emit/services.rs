//! Services: a trait for whoever serves, a processor that calls it, and a client.

use super::super::syntax::{Definition, Field, Method};
use super::super::words::rust;
use super::types::rust_type;
use super::{doc, put};

const CLIENT_BOUNDS: &str =
    "<I: ::thrift::protocol::TInputProtocol, O: ::thrift::protocol::TOutputProtocol>";

/// All three.
pub fn put_service(out: &mut String, definition: &Definition, methods: &[Method]) {
    put_handler(out, definition, methods);
    put_processor(out, &definition.name.text, methods);
    put_client(out, definition, methods);
}

/// What the generated code needs of a method.
struct Parts<'a> {
    wire: &'a str,
    name: String,
    argument: &'a Field,
    request: String,
    /// Reply, exception, and the exception's id; none for oneway.
    answer: Option<(String, String, i16)>,
}

impl<'a> Parts<'a> {
    fn of(method: &'a Method) -> Self {
        // `check` let through one argument only, and one exception unless oneway.
        let argument = &method.arguments[0];
        let answer = method
            .reply
            .as_ref()
            .zip(method.throws.first())
            .map(|(reply, thrown)| (rust_type(reply), rust_type(&thrown.kind), thrown.id));
        Parts {
            wire: &method.name.text,
            name: rust(&method.name.text),
            argument,
            request: rust_type(&argument.kind),
            answer,
        }
    }
}

fn put_handler(out: &mut String, definition: &Definition, methods: &[Method]) {
    let name = &definition.name.text;
    let otherwise = format!("What serves `{name}`.");
    doc::put_doc(out, 4, &definition.doc, &otherwise);
    put!(out, "    pub trait {name}Handler: Send + Sync {{");
    for method in methods {
        let parts = Parts::of(method);
        doc::put_doc(out, 8, &method.doc, &format!("Serves `{}`.", parts.wire));
        put!(out, "        {};", handler_signature(&parts));
    }
    put!(out, "    }}\n");
    put!(
        out,
        "    impl<T: {name}Handler + ?Sized> {name}Handler for ::std::sync::Arc<T> {{"
    );
    for method in methods {
        let parts = Parts::of(method);
        let argument = rust(&parts.argument.name.text);
        put!(out, "        {} {{", handler_signature(&parts));
        put!(
            out,
            "            (**self).{}({argument})\n        }}",
            parts.name
        );
    }
    put!(out, "    }}\n");
}

fn handler_signature(parts: &Parts<'_>) -> String {
    let Parts {
        name,
        argument,
        request,
        answer,
        ..
    } = parts;
    let argument = rust(&argument.name.text);
    let head = format!("fn {name}(&self, {argument}: {request})");
    match answer {
        Some((reply, fault, _)) => format!("{head} -> Result<{reply}, {fault}>"),
        None => head,
    }
}

fn put_processor(out: &mut String, name: &str, methods: &[Method]) {
    let head = r#"
    /// Reads calls of `NAME`, hands them to a handler and writes the answers.
    #[derive(Clone, Debug)]
    pub struct NAMEProcessor<H> {
        handler: H,
    }

    impl<H: NAMEHandler> NAMEProcessor<H> {
        /// A processor in front of `handler`.
        pub fn new(handler: H) -> Self {
            Self { handler }
        }
    }

    impl<H: NAMEHandler> ::thrift::server::TProcessor for NAMEProcessor<H> {
        /// Serves one call. An error means that the connection is out of step and must be closed.
        fn process(
            &self,
            input: &mut dyn ::thrift::protocol::TInputProtocol,
            output: &mut dyn ::thrift::protocol::TOutputProtocol,
        ) -> ::thrift::Result<()> {
            let call = crate::wire::rpc::Call::read(input, output)?;
            match call.method() {
"#;
    out.push_str(head.trim_start_matches('\n').replace("NAME", name).as_str());
    for method in methods {
        let Parts {
            wire,
            name,
            argument,
            answer,
            ..
        } = Parts::of(method);
        let id = argument.id;
        match answer {
            Some((_, _, fault)) => put!(
                out,
                "                {wire:?} => call.answer(input, output, [{id}, {fault}], |request| self.handler.{name}(request)),"
            ),
            None => put!(
                out,
                "                {wire:?} => call.take(input, {id}, |request| self.handler.{name}(request)),"
            ),
        }
    }
    put!(out, "                _ => call.unknown(input, output),");
    put!(out, "            }}\n        }}\n    }}\n");
}

fn put_client(out: &mut String, definition: &Definition, methods: &[Method]) {
    let name = &definition.name.text;
    put!(
        out,
        "    /// Calls `{name}` over one connection. Calls can be sent ahead: answers come in order."
    );
    put!(out, "    #[derive(Debug)]");
    put!(out, "    pub struct {name}Client<I, O> {{");
    put!(
        out,
        "        channel: crate::wire::rpc::Channel<I, O>,\n    }}\n"
    );
    put!(out, "    impl{CLIENT_BOUNDS} {name}Client<I, O> {{");
    put!(
        out,
        "        /// A client over the two ends of a connection."
    );
    put!(out, "        pub fn new(input: I, output: O) -> Self {{");
    put!(
        out,
        "            let channel = crate::wire::rpc::Channel::new(input, output);"
    );
    put!(out, "            Self {{ channel }}\n        }}\n");
    put!(
        out,
        "        /// The connection, to look after its calls and its ends."
    );
    put!(
        out,
        "        pub fn channel(&mut self) -> &mut crate::wire::rpc::Channel<I, O> {{"
    );
    put!(out, "            &mut self.channel\n        }}");
    for method in methods {
        put!(out, "");
        put_call(out, method);
    }
    put!(out, "    }}");
}

fn put_call(out: &mut String, method: &Method) {
    let parts = Parts::of(method);
    let Parts {
        wire,
        name,
        argument,
        request,
        answer,
    } = &parts;
    let id = argument.id;
    let argument = rust(&argument.name.text);
    doc::put_doc(out, 8, &method.doc, &format!("Calls `{wire}`."));
    let Some((reply, fault, fault_id)) = answer else {
        put!(
            out,
            "        pub fn {name}(&mut self, {argument}: &{request}) -> ::thrift::Result<()> {{"
        );
        put!(
            out,
            "            self.channel.send_oneway({wire:?}, {id}, {argument})\n        }}"
        );
        return;
    };
    let error = format!("crate::wire::rpc::CallError<{fault}>");
    put!(
        out,
        "        pub fn {name}(&mut self, {argument}: &{request}) -> Result<{reply}, {error}> {{"
    );
    put!(out, "            self.send_{wire}({argument})?;");
    put!(out, "            self.receive_{wire}()\n        }}\n");
    put!(
        out,
        "        /// Sends the call `{wire}` and does not wait; returns its sequence number."
    );
    put!(
        out,
        "        pub fn send_{wire}(&mut self, {argument}: &{request}) -> Result<i32, {error}> {{"
    );
    put!(
        out,
        "            self.channel.send({wire:?}, {id}, {argument})\n        }}\n"
    );
    put!(
        out,
        "        /// Waits for the answer to the oldest call sent, which must be `{wire}`."
    );
    put!(
        out,
        "        pub fn receive_{wire}(&mut self) -> Result<{reply}, {error}> {{"
    );
    put!(
        out,
        "            self.channel.receive({wire:?}, {fault_id})\n        }}"
    );
}
