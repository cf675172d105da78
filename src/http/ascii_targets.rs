//! Makes request lines ASCII: bytes of other letters are percent-encoded before the request is parsed, because
//! GetCourse inserts values as they are and the parser refuses such a line. Never changes anything but request
//! lines; of a message whose end it cannot tell, nothing more. Enter at [`AsciiTargets`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once.
const READ: usize = 8 * 1024;
/// Header lines that are longer are none that tell a length.
const LINE_MAX: usize = 100;

/// A connection whose request lines are ASCII.
pub struct AsciiTargets<IO> {
    io: IO,
    place: Place,
    /// What was read and not yet taken.
    ready: Vec<u8>,
    taken: usize,
}

/// Where in the stream of requests the next byte is.
#[derive(Debug, PartialEq)]
enum Place {
    RequestLine {
        is_empty: bool,
    },
    Head {
        line: Vec<u8>,
        body: u64,
    },
    Body(u64),
    /// Chunks, or a length that is no number: requests behind it are left as they are.
    Unknown,
}

impl<IO> AsciiTargets<IO> {
    pub fn new(io: IO) -> Self {
        Self { io, place: Place::RequestLine { is_empty: true }, ready: Vec::new(), taken: 0 }
    }
}

impl Place {
    /// Adds the next bytes of the stream to `out`.
    fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self {
                Self::RequestLine { is_empty } => {
                    match byte {
                        0x80.. => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
                        _ => out.push(byte),
                    }
                    match byte {
                        // Empty lines before a request are allowed.
                        b'\n' if *is_empty => {}
                        b'\n' => *self = Self::Head { line: Vec::new(), body: 0 },
                        _ => *is_empty &= byte == b'\r',
                    }
                    bytes = rest;
                }
                Self::Head { line, body } => {
                    out.push(byte);
                    bytes = rest;
                    if byte != b'\n' {
                        if line.len() < LINE_MAX {
                            line.push(byte.to_ascii_lowercase());
                        }
                        continue;
                    }
                    let header = std::mem::take(line);
                    let header = header.trim_ascii_end();
                    *self = match (header.is_empty(), length(header)) {
                        (true, _) if *body == 0 => Self::RequestLine { is_empty: true },
                        (true, _) => Self::Body(*body),
                        (false, None) => continue,
                        (false, Some(Some(length))) => Self::Head { line: Vec::new(), body: length },
                        (false, Some(None)) => Self::Unknown,
                    };
                }
                Self::Body(left) => {
                    let here = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    out.extend_from_slice(&bytes[..here]);
                    bytes = &bytes[here..];
                    *left -= here as u64;
                    if *left == 0 {
                        *self = Self::RequestLine { is_empty: true };
                    }
                }
                Self::Unknown => {
                    out.extend_from_slice(bytes);
                    return;
                }
            }
        }
    }
}

/// The length of the body if this header tells it; `Some(None)` if it tells that it cannot be known here.
fn length(header: &[u8]) -> Option<Option<u64>> {
    let header = std::str::from_utf8(header).ok()?;
    let (name, value) = header.split_once(':')?;
    match name {
        "content-length" => Some(value.trim().parse().ok()),
        "transfer-encoding" | "upgrade" => Some(None),
        _ => None,
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for AsciiTargets<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            let mut room = [0; READ];
            let mut read = ReadBuf::new(&mut room);
            std::task::ready!(Pin::new(&mut this.io).poll_read(cx, &mut read))?;
            this.place.pass(read.filled(), &mut this.ready);
        }
        let now = (this.ready.len() - this.taken).min(buf.remaining());
        buf.put_slice(&this.ready[this.taken..this.taken + now]);
        this.taken += now;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for AsciiTargets<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The stream in pieces of this size.
    fn passed(stream: &[u8], piece: usize) -> Vec<u8> {
        let mut place = Place::RequestLine { is_empty: true };
        let mut out = Vec::new();
        stream.chunks(piece.max(1)).for_each(|piece| place.pass(piece, &mut out));
        out
    }

    #[test]
    fn only_request_lines_are_changed() {
        let name = "Имя".as_bytes();
        let raw = [
            b"GET /a?status=".as_slice(),
            name,
            b" HTTP/1.1\r\nX-Name: ",
            name,
            b"\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 6\r\n\r\n",
            name,
            b"GET /c?",
            name,
            b" HTTP/1.1\r\n\r\n",
        ]
        .concat();
        let encoded = b"%D0%98%D0%BC%D1%8F";
        let clean = [
            b"GET /a?status=".as_slice(),
            encoded,
            b" HTTP/1.1\r\nX-Name: ",
            name,
            b"\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 6\r\n\r\n",
            name,
            b"GET /c?",
            encoded,
            b" HTTP/1.1\r\n\r\n",
        ]
        .concat();
        for piece in 1..raw.len() {
            assert_eq!(passed(&raw, piece), clean, "in pieces of {piece}");
        }
    }

    #[test]
    fn behind_a_body_of_unknown_length_nothing_is_changed() {
        let name = "Имя";
        let raw = format!(
            "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{name}\r\n0\r\n\r\nGET /{name} HTTP/1.1\r\n\r\n"
        );
        assert_eq!(passed(raw.as_bytes(), 7), raw.as_bytes());
    }

    proptest! {
        /// However a stream is cut, the same comes out; a stream in ASCII is not changed.
        #[test]
        fn pieces_do_not_matter(stream in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            prop_assert_eq!(passed(&stream, piece), passed(&stream, stream.len()));
            let ascii: Vec<u8> = stream.iter().map(|byte| byte & 0x7f).collect();
            prop_assert_eq!(passed(&ascii, piece), ascii);
        }
    }
}
