//! Times of requests, and the calendar of reports.

use order::value::Timestamp;

/// What [`micros`] takes, as a fragment for people.
pub(crate) const RULE: &str = "a time from 1970 to 9999";

/// A moment of a request, in microseconds since 1970; `None` for one that is none.
pub(crate) fn micros(time: &prost_types::Timestamp) -> Option<i64> {
    let nanos = (0..1_000_000_000).contains(&time.nanos);
    let seconds = (0..=Timestamp::MAX.micros() / 1_000_000).contains(&time.seconds);
    (nanos && seconds).then(|| time.seconds * 1_000_000 + i64::from(time.nanos / 1_000))
}

/// The start of the UTC month that a day, counted from 1970, lies in; as a day.
pub(crate) fn month_of(day: i64) -> i64 {
    let (_, _, day_of_month) = civil(day);
    day - (day_of_month - 1)
}

/// Year, month and day of a day counted from 1970; years begin in March so that the leap day is
/// the last.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (
        year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day_of_month,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_gregorian() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(14_944), (2010, 12, 1));
        assert_eq!(civil(15_399), (2012, 2, 29));
        assert_eq!(civil(15_400), (2012, 3, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(month_of(15_399), 15_371);
        assert_eq!(civil(month_of(15_399)), (2012, 2, 1));
    }

    #[test]
    fn months_cover_every_day_once() {
        let mut last = month_of(0);
        for day in 1..200_000 {
            let month = month_of(day);
            assert!(
                month == last || (month == day && civil(day).2 == 1),
                "day {day}"
            );
            last = month;
        }
    }
}
