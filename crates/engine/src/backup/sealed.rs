//! The file of a backup: pieces sealed one after the other under a passphrase.
//!
//! Header: the magic line, the cost of the passphrase (Argon2id, RFC 9106: KiB of memory and passes,
//! big-endian u32 each), 16 bytes of salt, 19 of nonce. Then pieces: length (big-endian u32), sealed
//! bytes. Sealing is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over
//! XChaCha20-Poly1305 with the header as associated data: pieces cannot be changed, left out, moved
//! or cut off at the end without notice. It does not know what the pieces mean.

use std::io::{self, Read, Write};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::aead::{KeyInit, Payload};
use zeroize::Zeroizing;

const MAGIC: &[u8; 15] = b"anser backup 1\n";
const SALT: usize = 16;
const NONCE: usize = 19;
const HEADER: usize = MAGIC.len() + 8 + SALT + NONCE;
const TAG: usize = 16;
/// 64 MiB and three passes: about a tenth of a second a guess.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Longest piece: a frame of the protocol.
const PIECE: usize = anser_proto::limits::FRAME_BYTES;

/// Why a backup cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealedError {
    /// What the system said.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It does not begin as a backup does.
    #[error("this is no backup of Anser")]
    Foreign,
    /// Another version wrote it, or it is damaged.
    #[error("the backup asks for what this version does not know")]
    TooNew,
    /// The first piece does not open.
    #[error("the passphrase is wrong, or the backup is damaged at its beginning")]
    Passphrase,
    /// A later piece does not open, or the end is missing.
    #[error("the backup is damaged or cut off")]
    Damaged,
}

fn cipher(
    passphrase: &str,
    header: &[u8; HEADER],
) -> Result<(XChaCha20Poly1305, [u8; NONCE]), SealedError> {
    let rest = header.strip_prefix(MAGIC.as_slice()).ok_or(SealedError::Foreign)?;
    let (memory, rest) = rest.split_first_chunk::<4>().ok_or(SealedError::Foreign)?;
    let (passes, rest) = rest.split_first_chunk::<4>().ok_or(SealedError::Foreign)?;
    let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or(SealedError::Foreign)?;
    let nonce = rest.first_chunk::<NONCE>().ok_or(SealedError::Foreign)?;
    let (memory, passes) = (u32::from_be_bytes(*memory), u32::from_be_bytes(*passes));
    // What costs more than this is no backup, but a way to fill memory.
    if memory > 1024 * 1024 || passes > 64 {
        return Err(SealedError::TooNew);
    }
    let params = Params::new(memory, passes, 1, Some(32)).map_err(|_| SealedError::TooNew)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| SealedError::TooNew)?;
    Ok((XChaCha20Poly1305::new(key.as_slice().into()), *nonce))
}

/// Writes a backup. Without [`SealedWriter::finish`] it is no backup.
pub(crate) struct SealedWriter<W> {
    to: W,
    header: [u8; HEADER],
    stream: EncryptorBE32<XChaCha20Poly1305>,
    /// Bytes written.
    pub(crate) written_bytes: u64,
}

impl<W: Write> SealedWriter<W> {
    /// Begins a backup; `random` is 35 bytes, new each time.
    pub(crate) fn new(to: W, passphrase: &str, random: &[u8; 35]) -> Result<Self, SealedError> {
        Self::at_cost(to, passphrase, random, (MEMORY_KIB, PASSES))
    }

    fn at_cost(
        mut to: W,
        passphrase: &str,
        random: &[u8; 35],
        (memory_kib, passes): (u32, u32),
    ) -> Result<Self, SealedError> {
        let mut header = [0; HEADER];
        let parts: [&[u8]; 4] = [MAGIC, &memory_kib.to_be_bytes(), &passes.to_be_bytes(), random];
        header.copy_from_slice(&parts.concat());
        let (cipher, nonce) = cipher(passphrase, &header)?;
        to.write_all(&header)?;
        let stream = EncryptorBE32::from_aead(cipher, nonce.as_slice().into());
        let written_bytes = u64::try_from(HEADER).unwrap_or_default();
        Ok(Self { to, header, stream, written_bytes })
    }

    /// Adds a piece of at most a mebibyte.
    pub(crate) fn piece(&mut self, bytes: &[u8]) -> Result<(), SealedError> {
        let payload = Payload { msg: bytes, aad: &self.header };
        let sealed = self.stream.encrypt_next(payload).map_err(|_| SealedError::Damaged)?;
        self.put(&sealed)
    }

    /// Marks the end; gives back what was written to, for a flush to disk.
    pub(crate) fn finish(mut self) -> Result<(W, u64), SealedError> {
        let stream = std::mem::replace(&mut self.stream, unused());
        let payload = Payload { msg: b"end", aad: &self.header };
        let sealed = stream.encrypt_last(payload).map_err(|_| SealedError::Damaged)?;
        self.put(&sealed)?;
        self.to.flush()?;
        Ok((self.to, self.written_bytes))
    }

    fn put(&mut self, sealed: &[u8]) -> Result<(), SealedError> {
        let length = u32::try_from(sealed.len()).map_err(|_| SealedError::Damaged)?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(sealed)?;
        self.written_bytes = self.written_bytes.saturating_add(u64::from(length)).saturating_add(4);
        Ok(())
    }
}

/// A stream that seals nothing, where one that did is taken out.
fn unused() -> EncryptorBE32<XChaCha20Poly1305> {
    EncryptorBE32::from_aead(
        XChaCha20Poly1305::new(&Default::default()),
        [0; NONCE].as_slice().into(),
    )
}

/// Reads a backup piece by piece, one ahead: the last piece says that it is the last.
pub(crate) struct SealedReader<R> {
    from: R,
    header: [u8; HEADER],
    stream: Option<DecryptorBE32<XChaCha20Poly1305>>,
    next: Option<Vec<u8>>,
    first: bool,
    /// Bytes read.
    pub(crate) read_bytes: u64,
}

impl<R: Read> SealedReader<R> {
    /// Opens a backup; whether the passphrase is right shows with the first piece.
    pub(crate) fn new(mut from: R, passphrase: &str) -> Result<Self, SealedError> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SealedError::Foreign,
            _ => error.into(),
        })?;
        let (cipher, nonce) = cipher(passphrase, &header)?;
        let stream = Some(DecryptorBE32::from_aead(cipher, nonce.as_slice().into()));
        let read_bytes = u64::try_from(HEADER).unwrap_or_default();
        let mut reader = Self { from, header, stream, next: None, first: true, read_bytes };
        reader.next = reader.take()?;
        Ok(reader)
    }

    /// The next piece; `None` after the last, which is there and whole.
    pub(crate) fn piece(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, SealedError> {
        let Some(sealed) = self.next.take() else {
            return if self.stream.is_none() { Ok(None) } else { Err(SealedError::Damaged) };
        };
        let wrong = if self.first { SealedError::Passphrase } else { SealedError::Damaged };
        self.first = false;
        self.next = self.take()?;
        if self.next.is_some() {
            let Some(stream) = &mut self.stream else { return Err(SealedError::Damaged) };
            let payload = Payload { msg: &sealed, aad: &self.header };
            return Ok(Some(stream.decrypt_next(payload).map_err(|_| wrong)?.into()));
        }
        let Some(stream) = self.stream.take() else { return Err(SealedError::Damaged) };
        let payload = Payload { msg: &sealed, aad: &self.header };
        stream.decrypt_last(payload).map_err(|_| wrong)?;
        Ok(None)
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>, SealedError> {
        let mut length = [0; 4];
        match self.from.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let length = u32::from_be_bytes(length);
        let size = usize::try_from(length).map_err(|_| SealedError::Damaged)?;
        if size > PIECE.saturating_add(TAG) {
            return Err(SealedError::Damaged);
        }
        let mut sealed = vec![0; size];
        self.from.read_exact(&mut sealed).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SealedError::Damaged,
            _ => error.into(),
        })?;
        self.read_bytes = self.read_bytes.saturating_add(u64::from(length)).saturating_add(4);
        Ok(Some(sealed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> Vec<u8> {
        let mut writer =
            SealedWriter::at_cost(Vec::new(), "open sesame", &[7; 35], (8, 1)).unwrap();
        for piece in pieces {
            writer.piece(piece).unwrap();
        }
        let (bytes, size) = writer.finish().unwrap();
        assert_eq!(size, u64::try_from(bytes.len()).unwrap());
        bytes
    }

    fn read(bytes: &[u8], passphrase: &str) -> Result<Vec<Vec<u8>>, SealedError> {
        let mut reader = SealedReader::new(bytes, passphrase)?;
        let mut pieces = vec![];
        while let Some(piece) = reader.piece()? {
            pieces.push(piece.to_vec());
        }
        Ok(pieces)
    }

    #[test]
    fn pieces_come_back_as_they_were() {
        for pieces in [vec![], vec![b"one".as_slice()], vec![b"one", b"", &[9; PIECE]]] {
            assert_eq!(read(&written(&pieces), "open sesame").unwrap(), pieces);
        }
    }

    #[test]
    fn a_wrong_passphrase_and_foreign_files_are_told_apart() {
        let bytes = written(&[b"one", b"two"]);
        assert!(matches!(read(&bytes, "open barley"), Err(SealedError::Passphrase)));
        assert!(matches!(read(b"", "x"), Err(SealedError::Foreign)));
        assert!(matches!(read(&[b'x'; 500], "x"), Err(SealedError::Foreign)));
        let mut costly = bytes;
        costly[MAGIC.len()] = 0xff;
        assert!(matches!(read(&costly, "open sesame"), Err(SealedError::TooNew)));
    }

    #[test]
    fn no_byte_can_be_changed_and_no_piece_left_out_moved_or_cut_off() {
        let bytes = written(&[b"one", b"two", b"six"]);
        // The length fields of the second piece and everything sealed.
        for at in (HEADER..bytes.len()).step_by(3) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read(&changed, "open sesame").is_err(), "byte {at}");
        }
        for end in HEADER..bytes.len() {
            assert!(read(&bytes[..end], "open sesame").is_err(), "cut at {end}");
        }
        let piece = 4 + 3 + TAG;
        let (a, b) = (HEADER, HEADER + piece);
        let mut swapped = bytes.clone();
        swapped[a..b].copy_from_slice(&bytes[b..b + piece]);
        swapped[b..b + piece].copy_from_slice(&bytes[a..b]);
        assert!(read(&swapped, "open sesame").is_err());
        let without = [&bytes[..b], &bytes[b + piece..]].concat();
        assert!(read(&without, "open sesame").is_err());
        let longer = [bytes.as_slice(), &bytes[HEADER..b]].concat();
        assert!(read(&longer, "open sesame").is_err());
    }
}
