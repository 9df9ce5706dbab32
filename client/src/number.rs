//! Numbers for people.

/// With a comma after every third digit: 1,528.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many in each second: `1,528/s`.
pub(crate) fn rate(count: u64, seconds: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = count as f64 / seconds.max(0.001);
    per_second(rate)
}

/// A rate: `1,528/s`.
pub(crate) fn per_second(rate: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people; the cast keeps within the bounds of the type"
    )]
    let whole = rate.round() as u64;
    format!("{}/s", thousands(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_digit_has_a_comma() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_528, "1,528"),
            (12_345_678, "12,345,678"),
        ];
        for (number, text) in cases {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn a_rate_is_whole() {
        assert_eq!(rate(3_056, 2.0), "1,528/s");
        assert_eq!(rate(0, 0.0), "0/s");
    }
}
