//! The ratings that customers can give.

/// How a customer rates: see [`Customer::rates`](crate::Customer::rates).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The rating that the control API writes so.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Satisfied, Self::Middling, Self::Dissatisfied].into_iter().find(|rating| rating.as_str() == name)
    }

    /// As the control API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Middling => "middling",
            Self::Dissatisfied => "dissatisfied",
        }
    }
}
