//! The wire forms as they are: a change of these snapshots is a change of the protocol.

use std::fmt::Write;

use anser_proto::minicbor::Decoder;
use anser_proto::minicbor::data::Type;

use crate::samples;

fn readable(all: Vec<(&str, Vec<u8>)>) -> String {
    let mut text = String::new();
    for (name, bytes) in all {
        let hash = blake3::hash(&bytes).to_hex();
        let shown = match std::str::from_utf8(&bytes) {
            Ok(link) if link.starts_with("anser:") => link.to_owned(),
            _ => diagnostic(&mut Decoder::new(&bytes)),
        };
        writeln!(text, "{name}: {} bytes, {}\n{shown}\n", bytes.len(), &hash[..16]).unwrap();
    }
    text
}

/// Diagnostic notation (RFC 8949, section 8) of what occurs on this wire.
fn diagnostic(decoder: &mut Decoder<'_>) -> String {
    match decoder.datatype().unwrap() {
        Type::Bool => decoder.bool().unwrap().to_string(),
        Type::Null => {
            decoder.null().unwrap();
            "null".into()
        }
        Type::String => format!("{:?}", decoder.str().unwrap()),
        Type::Bytes => {
            let bytes = decoder.bytes().unwrap();
            format!("h'{}'", data_encoding::HEXLOWER.encode(bytes))
        }
        Type::Array => {
            let length = decoder.array().unwrap().unwrap();
            let items: Vec<_> = (0..length).map(|_| diagnostic(decoder)).collect();
            format!("[{}]", items.join(", "))
        }
        Type::Map => {
            let length = decoder.map().unwrap().unwrap();
            let pair = |_| format!("{}: {}", diagnostic(decoder), diagnostic(decoder));
            let items: Vec<_> = (0..length).map(pair).collect();
            format!("{{{}}}", items.join(", "))
        }
        _ => decoder.u64().unwrap().to_string(),
    }
}

#[test]
fn frames_look_like_this() {
    insta::assert_snapshot!(readable(samples::frames()));
}

#[test]
fn records_look_like_this() {
    insta::assert_snapshot!(readable(samples::records()));
}
