//! The one writer of standard output and of messages to a person on standard error. A reader that has gone ends
//! a command quietly; a full disk is one line. Never panics because of an output. Enter at [`print`], and at
//! [`Stop`] for the end of a command.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Why a command ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Nobody reads its output any more, as with `| head`.
    Unread,
    /// It has said itself that something is wrong.
    Told,
    /// For a person: what is wrong and what to do.
    Because(String),
    /// For a person: nothing is wrong, but what was asked for is not done yet.
    NotYet(String),
}

/// The exit code of what is not done yet: a script tells it from done (0), an error (1) and a mistyped command (2).
pub const NOT_YET: u8 = 3;

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Because(why)
    }
}

impl From<&str> for Stop {
    fn from(why: &str) -> Self {
        Self::Because(why.to_owned())
    }
}

impl Stop {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Because(format!("the output cannot be written: {error}")),
        }
    }

    /// Says why, and gives the exit code.
    pub fn told(&self) -> ExitCode {
        match self {
            Self::Unread => ExitCode::SUCCESS,
            Self::Told => ExitCode::FAILURE,
            Self::Because(why) => {
                complain(why);
                ExitCode::FAILURE
            }
            Self::NotYet(what) => {
                complain(what);
                ExitCode::from(NOT_YET)
            }
        }
    }
}

/// Whether this file can be written, before the long work whose result it gets. Its content stays.
pub fn writable(file: &std::path::Path) -> Result<(), Stop> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
    opened.map(|_| ()).map_err(|error| Stop::Because(format!("{}: {error}", file.display())))
}

/// Prints a text as it is.
pub fn print(text: &str) -> Result<(), Stop> {
    write(&mut io::stdout().lock(), text)
}

/// Prints a line.
pub fn line(text: impl fmt::Display) -> Result<(), Stop> {
    print(&format!("{text}\n"))
}

/// A line for a person on standard error. If nobody can read it, nobody can be told.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn write(to: &mut impl Write, text: &str) -> Result<(), Stop> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush()).map_err(|error| Stop::of(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one_line() {
        assert_eq!(write(&mut Broken(ErrorKind::BrokenPipe), "a"), Err(Stop::Unread));
        let full = write(&mut Broken(ErrorKind::StorageFull), "a");
        assert!(matches!(&full, Err(Stop::Because(why)) if !why.contains('\n')), "{full:?}");
    }
}
