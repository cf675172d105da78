//! Maps Mango Office's numeric results to our outcomes (sheet, section 6). An unknown code counts as its
//! nearest known parent. Enter at [`outcome`].

use crate::process::event::{Direction, Outcome};

/// Why a leg or a call without a talk ended.
pub fn outcome(code: i64, direction: Direction) -> Outcome {
    let outbound = direction == Direction::Outbound;
    // Zeroing digits from the right gives the parents: 2219 → 2210 → 2200 → 2000.
    let parents = [code, code / 10 * 10, code / 100 * 100, code / 1000 * 1000];
    let found = parents.into_iter().find_map(|code| known(code, outbound));
    let found = found.unwrap_or(Outcome::Failed);
    let missed = !outbound && matches!(found, Outcome::Cancelled);
    if missed { Outcome::NoAnswer } else { found }
}

/// The leg continued as another one or was taken over, so it says nothing about the call.
pub fn is_replaced(code: i64) -> bool {
    matches!(code, 1000 | 1001 | 1182 | 1183)
}

/// An answering machine: not a talk, whatever its duration.
pub fn is_voicemail(code: i64) -> bool {
    matches!(code, 1300 | 1310 | 1312..=1314)
}

/// A command was accepted; that is not a call yet.
pub fn is_accepted(code: i64) -> bool {
    code / 100 == 10
}

/// The account's key or signature is wrong.
pub fn is_denial(code: i64) -> bool {
    matches!(code, 3101 | 3102 | 3105)
}

fn known(code: i64, outbound: bool) -> Option<Outcome> {
    Some(match code {
        1100 | 1111 | 1160..=1164 | 1170 | 1171 | 1190..=1192 | 1200 => Outcome::NoAnswer,
        1110 | 1125 | 1180 | 1181 => Outcome::Cancelled,
        // The called side hung up: a refusal abroad, a missed call at home.
        1120 if outbound => Outcome::Rejected,
        1120 => Outcome::NoAnswer,
        1121 => Outcome::Busy,
        1122..=1124 | 1193 => Outcome::Rejected,
        1130 | 1134 | 1135 | 1140 | 1150..=1152 => Outcome::Failed,
        1131 | 1311 | 4200 => Outcome::Unreachable,
        1132 | 1133 | 3200 => Outcome::InvalidNumber,
        1000 | 1001 | 1182 | 1183 => Outcome::Cancelled,
        1300 | 1310 | 1312..=1314 => Outcome::Voicemail,
        2000..=2999 | 4000 | 4001 | 4500..=4599 | 5000..=5199 => Outcome::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inbound, Outbound};

    #[test]
    fn codes_mean_what_the_sheet_says() {
        for (code, direction, expected) in [
            (1100, Outbound, Outcome::NoAnswer),
            (1110, Outbound, Outcome::Cancelled),
            (1110, Inbound, Outcome::NoAnswer),
            (1111, Outbound, Outcome::NoAnswer),
            (1120, Outbound, Outcome::Rejected),
            (1121, Outbound, Outcome::Busy),
            (1122, Outbound, Outcome::Rejected),
            (1131, Outbound, Outcome::Unreachable),
            (1132, Outbound, Outcome::InvalidNumber),
            (1133, Outbound, Outcome::InvalidNumber),
            (3200, Outbound, Outcome::InvalidNumber),
            (1150, Inbound, Outcome::Failed),
            (1164, Inbound, Outcome::NoAnswer),
            (1170, Inbound, Outcome::NoAnswer),
            (1180, Outbound, Outcome::Cancelled),
            (1310, Outbound, Outcome::Voicemail),
            (1311, Outbound, Outcome::Unreachable),
            (2240, Outbound, Outcome::Failed),
            (4200, Outbound, Outcome::Unreachable),
            (5003, Outbound, Outcome::Failed),
        ] {
            assert_eq!(outcome(code, direction), expected, "{code} {direction:?}");
        }
    }

    #[test]
    fn an_unknown_code_counts_as_its_parent_and_a_strange_one_as_a_failure() {
        for (code, expected) in [
            (1119, Outcome::Cancelled),
            (1209, Outcome::NoAnswer),
            (2219, Outcome::Failed),
            (9999, Outcome::Failed),
            (0, Outcome::Failed),
            (-5, Outcome::Failed),
        ] {
            assert_eq!(outcome(code, Outbound), expected, "{code}");
        }
    }
}
