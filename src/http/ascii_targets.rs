//! Makes request lines ASCII: bytes of other letters, quotes, angle brackets and blanks within the target are
//! percent-encoded before the request is parsed, because GetCourse inserts values as they are and the parser refuses
//! such a line. Never changes anything but request
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

/// What has been seen of a request line.
#[derive(Debug, Default, PartialEq)]
struct Line {
    has_bytes: bool,
    /// The method has ended.
    in_target: bool,
    /// A blank of the target and what follows it, while that may be the protocol.
    held: Vec<u8>,
}

/// What follows the blank at the end of a target.
const PROTOCOL: &[u8] = b" HTTP/";

/// Where in the stream of requests the next byte is.
#[derive(Debug, PartialEq)]
enum Place {
    RequestLine(Line),
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
        Self { io, place: Place::RequestLine(Line::default()), ready: Vec::new(), taken: 0 }
    }
}

impl Line {
    /// Adds the next byte of the line to `out`, or holds it back until it is known what it belongs to.
    fn pass(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.has_bytes |= !b"\r\n".contains(&byte);
        if !self.in_target {
            self.in_target = byte == b' ' && self.has_bytes;
            return encode(byte, out);
        }
        self.held.push(byte);
        if self.held == PROTOCOL {
            // The rest of the line is as it should be, or is refused.
            out.append(&mut self.held);
        } else if !PROTOCOL.starts_with(&self.held) {
            self.held.pop();
            if !self.held.is_empty() {
                out.extend_from_slice(b"%20");
                out.extend_from_slice(&self.held[1..]);
                self.held.clear();
                return self.pass(byte, out);
            }
            encode(byte, out);
        }
    }
}

/// Bytes that no target may hold are percent-encoded.
fn encode(byte: u8, out: &mut Vec<u8>) {
    match byte {
        0x80.. | b'"' | b'<' | b'>' => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        _ => out.push(byte),
    }
}

impl Place {
    /// Adds the next bytes of the stream to `out`.
    fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self {
                Self::RequestLine(line) => {
                    line.pass(byte, out);
                    // Empty lines before a request are allowed.
                    if byte == b'\n' && line.has_bytes {
                        *self = Self::Head { line: Vec::new(), body: 0 };
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
                        (true, _) if *body == 0 => Self::RequestLine(Line::default()),
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
                        *self = Self::RequestLine(Line::default());
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
        let mut place = Place::RequestLine(Line::default());
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

    /// What stands between the method and the protocol is the target, whatever it holds.
    #[test]
    fn quotes_brackets_and_blanks_of_a_target_are_encoded() {
        for (raw, clean) in [
            ("GET /a?n=Аня HTTP/1.1\r\n\r\n", "GET /a?n=%D0%90%D0%BD%D1%8F HTTP/1.1\r\n\r\n"),
            ("GET /a?n=A B  C HTTP/1.1\r\n\r\n", "GET /a?n=A%20B%20%20C HTTP/1.1\r\n\r\n"),
            ("GET /a?n=\"A\"<b> HTTP/1.0\n\n", "GET /a?n=%22A%22%3Cb%3E HTTP/1.0\n\n"),
            ("GET /a?n=A HTT HTTP/1.1\r\n\r\n", "GET /a?n=A%20HTT HTTP/1.1\r\n\r\n"),
            (
                "\r\nGET / HTTP/1.1\r\n\r\nGET /b c HTTP/1.1\r\n",
                "\r\nGET / HTTP/1.1\r\n\r\nGET /b%20c HTTP/1.1\r\n",
            ),
            // Never the end of a line: what is no request stays none.
            ("GET /a b\r\n\r\n", "GET /a%20b\r\n\r\n"),
            ("GET /a \r\n\r\n", "GET /a%20\r\n\r\n"),
        ] {
            for piece in 1..raw.len() {
                assert_eq!(
                    String::from_utf8(passed(raw.as_bytes(), piece)).unwrap(),
                    clean,
                    "pieces of {piece}"
                );
            }
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
            let refused = |byte: u8| b" \"<>".contains(&byte);
            let ascii: Vec<u8> = stream.iter().map(|byte| byte & 0x7f).filter(|byte| !refused(*byte)).collect();
            prop_assert_eq!(passed(&ascii, piece), ascii);
        }
    }
}
