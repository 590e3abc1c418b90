//! The serving side of one call.

use thrift::protocol::{TInputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol, TType};
use thrift::{ApplicationError, ApplicationErrorKind};

use super::describe;
use crate::wire::value::{Value, read_field, read_struct, required, write_field, write_struct};

/// A call whose header was read and whose arguments were not.
///
/// Every way on either leaves the connection in step and gives `Ok`, or gives an error, on which the
/// server must close it.
#[derive(Debug)]
pub struct Call {
    header: TMessageIdentifier,
}

impl Call {
    /// Reads the header of a call.
    pub fn read(
        input: &mut dyn TInputProtocol,
        output: &mut dyn TOutputProtocol,
    ) -> thrift::Result<Self> {
        let call = Call {
            header: input.read_message_begin()?,
        };
        match call.header.message_type {
            TMessageType::Call | TMessageType::OneWay => Ok(call),
            other => {
                let message = format!("expected a call, found {other}");
                let error =
                    ApplicationError::new(ApplicationErrorKind::InvalidMessageType, message);
                call.refuse(output, &error)?;
                Err(thrift::Error::Application(error))
            }
        }
    }

    /// The method that is called.
    pub fn method(&self) -> &str {
        &self.header.name
    }

    /// Reads the argument, calls `handler` and writes its answer. `ids` are those of the argument
    /// and of the exception.
    pub fn answer<A: Value, R: Value, E: Value>(
        &self,
        input: &mut dyn TInputProtocol,
        output: &mut dyn TOutputProtocol,
        ids: [i16; 2],
        handler: impl FnOnce(A) -> Result<R, E>,
    ) -> thrift::Result<()> {
        let [argument, fault] = ids;
        let request = match self.argument(input, argument) {
            Ok(request) => request,
            Err(error) => return Err(self.unreadable(output, error)),
        };
        let result = handler(request);
        // Whoever calls so does not read answers; one would be taken for that of the next call.
        if self.header.message_type == TMessageType::OneWay {
            return Ok(());
        }
        self.begin(output, TMessageType::Reply)?;
        write_struct(output, |output| match &result {
            Ok(reply) => write_field(output, 0, reply),
            Err(thrown) => write_field(output, fault, thrown),
        })?;
        finish(output)
    }

    /// Reads the argument of a oneway method and calls `handler`. Nothing is ever answered, not
    /// even to arguments that cannot be read.
    pub fn take<A: Value>(
        &self,
        input: &mut dyn TInputProtocol,
        argument: i16,
        handler: impl FnOnce(A),
    ) -> thrift::Result<()> {
        handler(self.argument(input, argument)?);
        Ok(())
    }

    /// Skips the arguments of a method that is not served here, and says so.
    pub fn unknown(
        &self,
        input: &mut dyn TInputProtocol,
        output: &mut dyn TOutputProtocol,
    ) -> thrift::Result<()> {
        let skipped = input
            .skip(TType::Struct)
            .and_then(|()| input.read_message_end());
        if let Err(error) = skipped {
            return Err(self.unreadable(output, error));
        }
        let message = format!("no method `{}` here", self.method());
        let error = ApplicationError::new(ApplicationErrorKind::UnknownMethod, message);
        self.refuse(output, &error)
    }

    fn argument<A: Value>(&self, input: &mut dyn TInputProtocol, id: i16) -> thrift::Result<A> {
        let mut argument = None;
        read_struct(input, |input, found, wire| {
            if found == id {
                read_field(input, wire, &mut argument, "the request")
            } else {
                input.skip(wire)
            }
        })?;
        input.read_message_end()?;
        required(argument, "the request")
    }

    /// Answers that the arguments cannot be read, and gives back why.
    fn unreadable(&self, output: &mut dyn TOutputProtocol, error: thrift::Error) -> thrift::Error {
        // A peer that is gone or silent gets no answer.
        if !matches!(error, thrift::Error::Transport(_)) {
            let message = format!("cannot read `{}`: {}", self.method(), describe(&error));
            let answer = ApplicationError::new(ApplicationErrorKind::ProtocolError, message);
            // The first error says more than that the answer could not be sent either.
            let _ = self.refuse(output, &answer);
        }
        error
    }

    fn refuse(
        &self,
        output: &mut dyn TOutputProtocol,
        error: &ApplicationError,
    ) -> thrift::Result<()> {
        if self.header.message_type == TMessageType::OneWay {
            return Ok(());
        }
        self.begin(output, TMessageType::Exception)?;
        write_struct(output, |output| {
            write_field(output, 1, &error.message)?;
            write_field(output, 2, &(error.kind as i32))
        })?;
        finish(output)
    }

    fn begin(&self, output: &mut dyn TOutputProtocol, kind: TMessageType) -> thrift::Result<()> {
        output.write_message_begin(&TMessageIdentifier {
            name: self.header.name.clone(),
            message_type: kind,
            sequence_number: self.header.sequence_number,
        })
    }
}

fn finish(output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
    output.write_message_end()?;
    output.flush()
}
