#!/usr/bin/env bash
# The Rust crate phonenumber 0.3.10 loses a digit of Russian numbers whose area code begins with 8.
#
# A number written whole, with +7, whose national part begins with 8 (+7 812 Saint Petersburg, +7 843 Kazan,
# +7 845 Saratov, +7 800 toll-free), is parsed as if that 8 were the trunk prefix of «8 812 …»: it comes back one
# digit short and «not valid». Area codes that begin with 4 and mobile numbers are read rightly. The Python package
# phonenumbers 9.0.43, which keeps the same metadata, keeps the 8 in all of them.
#
# What follows for us: numbers are cut by our own code first, and a library is only asked about a number whose
# country code it cannot mistake.
#
# Needs cargo, python3 with venv, and the two registries. Fails when either package behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

numbers=("+7 812 555-01-01" "+7 843 555-01-01" "+7 845 255-01-01" "+7 800 555-01-01" "+7 495 555-01-01" "+7 903 555-01-01")

mkdir -p crate/src
cat > crate/Cargo.toml <<'TOML'
[package]
name = "asks"
version = "0.0.0"
edition = "2021"
[dependencies]
phonenumber = "=0.3.10"
TOML
cat > crate/src/main.rs <<'RUST'
fn main() {
    for typed in std::env::args().skip(1) {
        let number = phonenumber::parse(Some(phonenumber::country::RU), &typed).expect("it parses");
        let text = number.format().mode(phonenumber::Mode::E164).to_string();
        println!("{typed} -> {text} {}", if number.is_valid() { "valid" } else { "not valid" });
    }
}
RUST
(cd crate && cargo build --quiet)
./crate/target/debug/asks "${numbers[@]}" | tee crate.txt

python3 -m venv venv
venv/bin/pip install --quiet phonenumbers==9.0.43
venv/bin/python - "${numbers[@]}" > python.txt <<'PY'
import sys
import phonenumbers as p
for typed in sys.argv[1:]:
    number = p.parse(typed, "RU")
    valid = "valid" if p.is_valid_number(number) else "not valid"
    print(typed, "->", p.format_number(number, p.PhoneNumberFormat.E164), valid)
PY
cat python.txt

diff crate.txt - <<'SEEN'
+7 812 555-01-01 -> +7125550101 not valid
+7 843 555-01-01 -> +7435550101 not valid
+7 845 255-01-01 -> +7452550101 not valid
+7 800 555-01-01 -> +7005550101 not valid
+7 495 555-01-01 -> +74955550101 valid
+7 903 555-01-01 -> +79035550101 valid
SEEN
diff python.txt - <<'SEEN'
+7 812 555-01-01 -> +78125550101 valid
+7 843 555-01-01 -> +78435550101 valid
+7 845 255-01-01 -> +78452550101 valid
+7 800 555-01-01 -> +78005550101 valid
+7 495 555-01-01 -> +74955550101 valid
+7 903 555-01-01 -> +79035550101 valid
SEEN
echo "as stated: the crate drops the 8, the Python package keeps it"
