//! What people do that only the statistics show.

use crate::api::customer::Customer;
use crate::api::servicer::Servicer;
use crate::platform::NotPossible;

/// How a customer rates: see [`Customer::rates`].
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

impl Servicer {
    /// Asks the customer to rate (满意度评价).
    ///
    /// # Errors
    ///
    /// The session is not this servicer's, and was not last.
    pub fn asks_to_rate(&self, customer: &Customer) -> Result<(), NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_asks_to_rate(now, customer.chat(), self.userid())
    }
}

impl Customer {
    /// Rates the service, which a servicer asked for. Counts once.
    ///
    /// # Errors
    ///
    /// Nobody asked, or this customer has rated since.
    pub fn rates(&self, rating: Satisfaction) -> Result<(), NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.customer_rates(now, self.chat(), rating)
    }
}
