//! A small SMTP server in front of the mail stand-in: without TLS, one or several recipients. It never
//! relays, and accepts any password. Enter at [`serve_mail`].

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::mail::Letter;
use super::serve::{Door, Shared};

/// Longest line and biggest letter, in bytes.
const LINE_BYTES_MAX: u64 = 4096;
const LETTER_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Accepts connections until the task is dropped.
pub async fn serve_mail(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let (read, write) = stream.into_split();
            // A client that hangs up in the middle is not an error.
            let _ = converse(BufReader::new(read), write, &shared).await;
        });
    }
}

async fn read_line<R: AsyncRead + Unpin>(reader: &mut BufReader<R>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let count = reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    Ok((count > 0).then_some(line))
}

async fn converse<R, W>(mut reader: BufReader<R>, mut writer: W, shared: &Shared) -> std::io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    writer.write_all(b"220 sandbox ESMTP\r\n").await?;
    let mut from = String::new();
    let mut to: Vec<String> = Vec::new();
    while let Some(line) = read_line(&mut reader).await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line.split([' ', ':']).next().unwrap_or("").to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN".to_owned(),
            "HELO" | "NOOP" => "250 2.0.0 Ok".to_owned(),
            "AUTH" => log_in(&line, &mut reader, &mut writer).await?,
            "MAIL" => {
                from = address(&line);
                to.clear();
                "250 2.1.0 Ok".to_owned()
            }
            "RCPT" => {
                let answer = shared.with(|world, now| world.mail_recipient(now, &address(&line)));
                if answer.code == 250 {
                    to.push(address(&line));
                }
                format!("{} {}", answer.code, answer.text)
            }
            "DATA" if to.is_empty() => "503 5.5.1 No valid recipients".to_owned(),
            "DATA" => {
                writer.write_all(b"354 End data with <CR><LF>.<CR><LF>\r\n").await?;
                match read_letter(&mut reader).await? {
                    Some(raw) => {
                        match shared.pass(Door::Letter, || take_in(shared, &from, &to, &raw)).await {
                            Some(answer) => answer,
                            None => return Ok(()),
                        }
                    }
                    None => "552 5.3.4 Message too big".to_owned(),
                }
            }
            "RSET" => {
                to.clear();
                "250 2.0.0 Ok".to_owned()
            }
            "QUIT" => {
                writer.write_all(b"221 2.0.0 Bye\r\n").await?;
                return Ok(());
            }
            _ => "502 5.5.2 Command not recognized".to_owned(),
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// AUTH PLAIN with or without an initial response, AUTH LOGIN: any credentials are accepted.
async fn log_in<R, W>(line: &str, reader: &mut BufReader<R>, writer: &mut W) -> std::io::Result<String>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let words: Vec<&str> = line.split_whitespace().collect();
    let questions: &[&str] = match (words.get(1).map(|word| word.to_uppercase()).as_deref(), words.len()) {
        (Some("LOGIN"), 2) => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        (Some("LOGIN"), _) => &["334 UGFzc3dvcmQ6"],
        (_, 2) => &["334 "],
        _ => &[],
    };
    for question in questions {
        writer.write_all(format!("{question}\r\n").as_bytes()).await?;
        read_line(reader).await?;
    }
    Ok("235 2.7.0 Authentication successful".to_owned())
}

/// The letter up to the single dot, dot-stuffing removed; `None` if it is too big.
async fn read_letter<R: AsyncRead + Unpin>(reader: &mut BufReader<R>) -> std::io::Result<Option<Vec<u8>>> {
    let mut letter = Vec::new();
    let mut too_big = false;
    while let Some(line) = read_line(reader).await? {
        if line == b".\r\n" || line == b".\n" {
            break;
        }
        let line = if line.starts_with(b"..") { &line[1..] } else { &line[..] };
        too_big |= letter.len() + line.len() > LETTER_BYTES_MAX;
        if !too_big {
            letter.extend_from_slice(line);
        }
    }
    Ok((!too_big).then_some(letter))
}

fn take_in(shared: &Shared, from: &str, to: &[String], raw: &[u8]) -> String {
    let mut last = String::from("250 2.0.0 Ok");
    for recipient in to {
        let letter = Letter { from: from.to_owned(), to: recipient.clone(), raw: raw.to_vec() };
        let answer = shared.with(|world, now| world.receive_mail(now, letter));
        last = format!("{} {}", answer.code, answer.text);
    }
    last
}

fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
    inner.unwrap_or_else(|| line.split_once(':').map_or("", |(_, rest)| rest.trim())).to_owned()
}
