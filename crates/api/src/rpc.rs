//! JSON-RPC 2.0: requests in, responses and notifications out, as text.
//!
//! The envelope only; no transport. Codes of the specification are used where it has one, and the
//! word of [`ErrorCode`] travels in `error.data.code` always.

use serde::Serialize;
use serde_json::{Value, json};

use crate::command::{Command, Reply};
use crate::error::{ApiError, ErrorCode};
use crate::event::Event;

/// Longest request, in bytes.
pub const REQUEST_BYTES: usize = 1024 * 1024;

/// A request: its id (`None` for a notification, which gets no answer) and what it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// String, number or null, as the client gave it.
    pub id: Option<Value>,
    /// The command, or what is wrong with it.
    pub command: Result<Command, ApiError>,
}

/// Reads one request.
///
/// # Errors
/// The response to send when the text is no single request: malformed JSON (-32700) or not a
/// request object (-32600).
pub fn parse(text: &str) -> Result<Request, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| {
        failure(
            Value::Null,
            -32700,
            &ApiError::new(ErrorCode::InvalidRequest, format!("Not JSON: {e}.")),
        )
    })?;
    let invalid =
        |id: Value, why: &str| failure(id, -32600, &ApiError::new(ErrorCode::InvalidRequest, why));
    let Value::Object(mut object) = value else {
        return Err(invalid(
            Value::Null,
            "A request is one JSON object; batches are not supported.",
        ));
    };
    let id = object.remove("id");
    if !matches!(id, None | Some(Value::Null | Value::String(_) | Value::Number(_))) {
        return Err(invalid(Value::Null, "An id is a string, a number or null."));
    }
    let shown = id.clone().unwrap_or(Value::Null);
    if object.get("jsonrpc") != Some(&json!("2.0")) {
        return Err(invalid(shown, "\"jsonrpc\" must be \"2.0\"."));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err(invalid(shown, "\"method\" must be a string."));
    };
    let params = object.remove("params").unwrap_or(Value::Null);
    Ok(Request { id, command: Command::parse(&method, params) })
}

/// The response to request `id`.
pub fn response(id: Value, result: &Result<Reply, ApiError>) -> String {
    match result {
        Ok(reply) => text(&json!({"jsonrpc": "2.0", "id": id, "result": reply})),
        Err(error) => failure(id, number(error.code), error),
    }
}

/// The notification that carries an event.
pub fn notification(event: &Event) -> String {
    text(&json!({"jsonrpc": "2.0", "method": "event", "params": event}))
}

/// The response to a request over [`REQUEST_BYTES`].
pub fn too_long() -> String {
    let message = format!("A request is at most {REQUEST_BYTES} bytes.");
    failure(Value::Null, -32600, &ApiError::new(ErrorCode::TooLarge, message))
}

fn number(code: ErrorCode) -> i64 {
    match code {
        ErrorCode::UnknownMethod => -32601,
        ErrorCode::InvalidArgument => -32602,
        ErrorCode::InvalidRequest => -32600,
        ErrorCode::Internal => -32603,
        _ => -32000,
    }
}

fn failure(id: Value, number: i64, error: &ApiError) -> String {
    let mut data = json!({"code": error.code});
    if let (Value::Object(data), Some(more)) = (&mut data, &error.data) {
        data.insert("detail".into(), more.clone());
    }
    text(&json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": {"code": number, "message": error.message, "data": data},
    }))
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(response: &str) -> (i64, String) {
        let value: Value = serde_json::from_str(response).unwrap();
        let error = &value["error"];
        (error["code"].as_i64().unwrap(), error["data"]["code"].as_str().unwrap().to_owned())
    }

    #[test]
    fn malformed_requests_get_the_codes_of_the_specification() {
        for (text, number) in [
            ("{", -32700),
            ("[]", -32600),
            ("5", -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"account.get"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":{},"method":"account.get"}"#, -32600),
        ] {
            assert_eq!(
                error_of(&parse(text).unwrap_err()),
                (number, "invalid_request".into()),
                "{text}"
            );
        }
        let unknown = parse(r#"{"jsonrpc":"2.0","id":1,"method":"no.such"}"#).unwrap();
        let response = response(unknown.id.unwrap(), &Err(unknown.command.unwrap_err()));
        assert_eq!(error_of(&response), (-32601, "unknown_method".into()));
    }

    #[test]
    fn a_notification_has_no_id() {
        let request = parse(r#"{"jsonrpc":"2.0","method":"account.get"}"#).unwrap();
        assert_eq!(request.id, None);
        assert_eq!(request.command, Command::parse("account.get", Value::Null));
    }
}
