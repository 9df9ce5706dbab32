//! The settings with their values, for an operator.

use super::setting::{SETTINGS, Setting};
use super::{Layers, plain};

/// Titles of the columns of [`values`].
pub(super) const COLUMNS: [&str; 4] = ["SETTING", "VALUE", "FROM", "WHAT"];

/// Every setting with its value and where that came from. Secrets are not shown.
pub(super) fn values(layers: &Layers) -> Vec<Vec<String>> {
    let row = |setting: &Setting| {
        let value = (setting.show)(layers.value(setting.name));
        let origin = layers.origin(setting.name).to_string();
        let about = setting.about().to_owned();
        vec![setting.name.to_owned(), plain(&value), origin, about]
    };
    SETTINGS.iter().map(row).collect()
}
