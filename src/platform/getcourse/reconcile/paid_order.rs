//! Which order a payment of an export is for. Never guesses: a payment names its order only by number and buyer. Enter at
//! [`order_of`].

use super::table::Row;
use crate::link;
use crate::platform::Fault;
use crate::platform::reconcile::Known;
use crate::process::{ClientId, Order};

/// The order of a payment: by its buyer's e-mail and the number.
pub async fn order_of(row: &Row<'_>, known: &dyn Known) -> Result<Option<Order>, Fault> {
    let (Some(email), Some(number)) = (row.get("payment_email"), row.get("payment_order")) else {
        return Ok(None);
    };
    let found = known.links(&[link::email(&email.to_lowercase())]).await?.pop().flatten();
    let Some(client) = found else { return Ok(None) };
    let Some(client) = known.client(&ClientId(client)).await? else { return Ok(None) };
    let brief = client.orders.iter().find(|(_, brief)| brief.number.as_deref() == Some(number));
    match brief {
        Some((order, _)) => known.order(order).await,
        None => Ok(None),
    }
}
