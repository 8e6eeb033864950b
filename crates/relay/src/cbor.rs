//! JSON's values in CBOR (RFC 8949) and back, for clients that speak `anser.v1.cbor`.
//!
//! What must always hold: what comes in is bounded in depth before it is taken apart, and bytes
//! become base64, as JSON has them.

use anser_proto::minicbor::data::Type;
use anser_proto::minicbor::{Decoder, Encoder, decode, encode};
use serde_json::{Map, Number, Value};

/// How deep a message may be nested.
const DEPTH: usize = 16;

type Encoded = Result<(), encode::Error<std::convert::Infallible>>;

/// Writes a value.
pub(crate) fn write(encoder: &mut Encoder<&mut Vec<u8>>, value: &Value) -> Encoded {
    match value {
        Value::Null => encoder.null()?.ok(),
        Value::Bool(value) => encoder.bool(*value)?.ok(),
        Value::String(text) => encoder.str(text)?.ok(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => encoder.u64(number)?.ok(),
            (None, Some(number)) => encoder.i64(number)?.ok(),
            (None, None) => encoder.f64(number.as_f64().unwrap_or(f64::NAN))?.ok(),
        },
        Value::Array(list) => {
            encoder.array(list.len() as u64)?;
            list.iter().try_for_each(|value| write(encoder, value))
        }
        Value::Object(map) => {
            encoder.map(map.len() as u64)?;
            map.iter().try_for_each(|(key, value)| write(encoder.str(key)?, value))
        }
    }
}

/// The CBOR of a value.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = write(&mut Encoder::new(&mut bytes), value);
    bytes
}

/// The value in a message, all of it.
///
/// # Errors
/// When it is malformed, too deep, or of a kind that JSON does not have.
pub(crate) fn read(message: &[u8]) -> Result<Value, decode::Error> {
    let mut decoder = Decoder::new(message);
    let value = value(&mut decoder, DEPTH)?;
    if decoder.position() == message.len() {
        Ok(value)
    } else {
        Err(decode::Error::message("bytes after the end"))
    }
}

fn value(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, decode::Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(decode::Error::message("nested too deeply"));
    };
    Ok(match decoder.datatype()? {
        Type::Null | Type::Undefined => {
            decoder.skip()?;
            Value::Null
        }
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64()?.into(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => decoder.i64()?.into(),
        Type::F16 | Type::F32 | Type::F64 => {
            Number::from_f64(decoder.f64()?).map_or(Value::Null, Value::Number)
        }
        Type::String => Value::String(decoder.str()?.to_owned()),
        Type::Bytes => Value::String(data_encoding::BASE64.encode(decoder.bytes()?)),
        Type::Array => {
            let count = decoder.array()?.unwrap_or(0);
            let mut list = Vec::new();
            for _ in 0..count {
                list.push(value(decoder, depth)?);
            }
            Value::Array(list)
        }
        Type::Map => {
            let count = decoder.map()?.unwrap_or(0);
            let mut map = Map::new();
            for _ in 0..count {
                let key = decoder.str()?.to_owned();
                map.insert(key, value(decoder, depth)?);
            }
            Value::Object(map)
        }
        other => return Err(decode::Error::type_mismatch(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = serde_json::json!({
            "rid": "1", "list": [1, -2, 1.5, true, null, "ü"], "map": {"a": {}},
        });
        assert_eq!(read(&bytes(&value)).unwrap(), value);
    }

    #[test]
    fn bytes_become_base64_and_bad_input_an_error() {
        assert_eq!(read(&[0x42, 0, 255]).unwrap(), Value::String("AP8=".into()));
        for bad in [&[][..], &[0x81], &[0x9f, 0xff, 0], &[0x5a, 255, 255, 255, 255], &[1, 1]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&[0x81; 40]).is_err(), "too deep");
        // A length that nobody could have is not taken at its word.
        assert!(read(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    }
}
