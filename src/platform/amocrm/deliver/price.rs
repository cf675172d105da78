//! The price of a lead (G2). Never writes a sum in another currency than the account's leads have, nor one that
//! amoCRM would cut: such a sum is a note, and a price that stood there becomes 0. Enter at [`AmoAttempt::price`] and [`AmoAttempt::set_price`].

use serde_json::json;

use super::AmoAttempt;
use crate::message::outside::Outside;
use crate::platform::amocrm::numbers::whole_units;
use crate::platform::{Fault, Receipt};
use crate::process::{LeadRole, Money};

impl AmoAttempt<'_> {
    /// The sum as a price, or the note that stands in its place.
    pub(super) fn price(&self, sum: &Money) -> Result<i64, String> {
        let currency = &self.settings().currency;
        let text = sum.text();
        let why = match whole_units(sum) {
            _ if !sum.currency.eq_ignore_ascii_case(currency) => {
                Outside::OtherCurrency { sum: &text, currency }
            }
            None => Outside::PriceTooLarge { sum: &text },
            Some(price) => return Ok(price),
        };
        let order = &self.command.order;
        tracing::warn!(order = %order, currency = %sum.currency, "amoCRM: a sum that cannot be a lead's price is a note");
        Err(self.words(why))
    }

    pub(super) async fn set_price(&self, role: LeadRole, sum: &Money) -> Result<Receipt, Fault> {
        match self.price(sum) {
            Ok(price) => {
                let lead = self.lead_id(role).await?;
                self.patch_lead_strictly(lead, json!({ "price": price })).await
            }
            Err(note) => {
                // The sum of before is not the order's any more.
                let lead = self.lead_id(role).await?;
                self.patch_lead_strictly(lead, json!({ "price": 0 })).await?;
                self.add_note(role, &note).await
            }
        }
    }
}
