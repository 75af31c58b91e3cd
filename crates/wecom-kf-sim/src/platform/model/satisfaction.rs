//! The ratings that customers can give.

use serde::Deserialize;

/// How a customer rates: see [`Customer::rates`](crate::Customer::rates).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Satisfaction {
    /// 满意
    Satisfied,
    /// 一般
    Middling,
    /// 不满意
    Dissatisfied,
}

impl Satisfaction {
    /// Returns the name in the control API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Middling => "middling",
            Self::Dissatisfied => "dissatisfied",
        }
    }
}
