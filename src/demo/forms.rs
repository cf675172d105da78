//! Raw requests as files: comment lines at the top, a request line, headers, a body. It never sends one: the
//! stand-ins fill the placeholders in braces and send them. Enter at [`Form::parse`].

use std::collections::BTreeMap;

use crate::sandbox::setup::TechSubscription;

/// One request of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// `# name: value` lines before the request line.
    pub head: BTreeMap<String, String>,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Form {
    /// Reads a file; `bridge` replaces `{bridge}`.
    pub fn parse(text: &str, bridge: &str) -> Result<Self, String> {
        let mut form = Self::default();
        let (top, body) = text.split_once("\n\n").unwrap_or((text, ""));
        for line in top.lines() {
            if let Some(comment) = line.strip_prefix('#') {
                if let Some((name, value)) = comment.split_once(':') {
                    form.head.insert(name.trim().to_owned(), value.trim().to_owned());
                }
            } else if form.method.is_empty() {
                let (method, rest) =
                    line.split_once(' ').ok_or_else(|| format!("«{line}» is not a request line"))?;
                let url = rest.strip_suffix(" HTTP/1.1").ok_or("the request line ends with HTTP/1.1")?;
                form.method = method.to_owned();
                form.url = url.replace("{bridge}", bridge);
            } else {
                let (name, value) =
                    line.split_once(':').ok_or_else(|| format!("«{line}» is not a header"))?;
                form.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        form.body = body.trim_end().to_owned();
        Ok(form)
    }

    fn head_value(&self, name: &str) -> Result<&str, String> {
        self.head.get(name).map(String::as_str).ok_or_else(|| format!("no line «# {name}: …»"))
    }

    /// A webhook of the Tech API.
    pub fn subscription(&self) -> Result<TechSubscription, String> {
        let event = self.head_value("event_id")?;
        Ok(TechSubscription {
            uri: self.url.clone(),
            event_object_id: 2,
            event_id: event.parse().map_err(|_| format!("«{event}» is not the id of an event"))?,
            form: Some(self.body.clone()),
        })
    }

    /// Sub-path of an event of the exchange, and the form of its JSON.
    pub fn event(&self) -> Result<(String, String), String> {
        Ok((self.head_value("event")?.to_owned(), self.body.clone()))
    }
}
