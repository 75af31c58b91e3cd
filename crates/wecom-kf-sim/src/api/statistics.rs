//! Ratings by customers, which only the statistics show.

use crate::api::customer::Customer;
use crate::api::servicer::Servicer;
use crate::platform::{NotPossible, Satisfaction};

impl Servicer {
    /// Asks the customer to rate (满意度评价).
    ///
    /// # Errors
    ///
    /// This servicer neither has the session nor had it last.
    pub fn asks_to_rate(&self, customer: &Customer) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.servicer_asks_to_rate(now, customer.chat(), self.userid()))
    }
}

impl Customer {
    /// Rates the service, after a servicer asked for it.
    ///
    /// # Errors
    ///
    /// No servicer asked, or the customer has rated since then.
    pub fn rates(&self, rating: Satisfaction) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.customer_rates(now, self.chat(), rating))
    }
}
