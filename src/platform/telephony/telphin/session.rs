//! Telphin's sign-in: one token for all requests of an account (sheet, 1). A refused token is discarded.
//! Enter at [`Session::send`].

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Mutex;

use super::Settings;
use crate::clock::Clock;
use crate::platform::Fault;
use crate::platform::http::{Http, NoResponse, Request, Response};
use crate::platform::telephony::statistics;
use crate::process::{At, Urgency};
use crate::secret::Secret;

/// Lifetime of a token if the answer does not state it.
const TOKEN_S: i64 = 3600;

/// One application of one account.
pub struct Session {
    base: String,
    client_id: String,
    secret: Secret,
    clock: Arc<dyn Clock>,
    token: Mutex<Option<(Secret, At)>>,
}

impl Session {
    /// `None` without an application: then no requests are sent.
    pub fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Option<Arc<Self>>, String> {
        let (Some(client_id), Some(source)) = (&settings.client_id, &settings.client_secret) else {
            return Ok(None);
        };
        let secret = source.read().map_err(|why| format!("telphin.client_secret: {why}"))?;
        let (base, client_id) = (settings.url.clone(), client_id.clone());
        Ok(Some(Arc::new(Self { base, client_id, secret, clock, token: Mutex::new(None) })))
    }

    /// The valid token; one sign-in serves all waiting callers.
    async fn token(&self, http: &dyn Http, urgency: Urgency) -> Result<Secret, Fault> {
        let mut held = self.token.lock().await;
        if let Some((token, _)) = held.as_ref().filter(|(_, until)| self.clock.now() < *until) {
            return Ok(token.clone());
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.secret.reveal())
            .finish();
        let request = Request::new("POST", format!("{}/oauth/token", self.base)).form(body);
        let response = http.send(request.urgency(urgency)).await.map_err(statistics::no_response)?;
        let (token, life_s) = signed_in(&response)?;
        // The last fifth of its lifetime is left for requests in flight.
        let until = self.clock.now() + TimeDelta::seconds(life_s * 4 / 5);
        *held = Some((token.clone(), until));
        Ok(token)
    }

    /// Sends one request; a refused token is replaced once.
    pub async fn send(&self, http: &dyn Http, request: Request) -> Result<Response, NoResponse> {
        let mut response = None;
        for _ in 0..2 {
            let token = match self.token(http, request.urgency).await {
                Ok(token) => token,
                Err(Fault::Denied { .. }) => {
                    return Ok(Response { status: 401, headers: Vec::new(), body: Vec::new() });
                }
                Err(fault) => return Err(NoResponse::NotSent(fault.to_string())),
            };
            let signed = request.clone().header("authorization", format!("Bearer {}", token.reveal()));
            let answer = http.send(signed).await?;
            if answer.status != 401 {
                return Ok(answer);
            }
            // Another caller may have replaced it meanwhile.
            self.token.lock().await.take_if(|(held, _)| *held == token);
            response = Some(answer);
        }
        Ok(response.unwrap_or(Response { status: 401, headers: Vec::new(), body: Vec::new() }))
    }
}

fn signed_in(response: &Response) -> Result<(Secret, i64), Fault> {
    match response.status {
        200..=299 => {}
        400 | 401 | 403 => return Err(Fault::denied("telphin refuses the application's id or secret")),
        status => return Err(Fault::later(format!("telphin answers {status} to the sign-in"))),
    }
    let body = response.json().unwrap_or_default();
    let token = body["access_token"].as_str().ok_or_else(|| Fault::later("telphin gives no token"))?;
    Ok((Secret::new(token), body["expires_in"].as_i64().filter(|life| *life > 0).unwrap_or(TOKEN_S)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake::class;
    use crate::platform::telephony::start::tests::response;

    #[test]
    fn a_token_without_a_life_lives_an_hour() {
        let answer = |status, body| signed_in(&response(status, body)).map(|(_, life_s)| life_s);
        assert_eq!(answer(200, r#"{"access_token":"T","token_type":"Bearer"}"#), Ok(3600));
        assert_eq!(answer(200, r#"{"access_token":"T","expires_in":60}"#), Ok(60));
        assert_eq!(class(&answer(401, "")), "denied");
        assert_eq!(class(&answer(500, "")), "later");
        assert_eq!(class(&answer(200, "{}")), "later");
    }
}
