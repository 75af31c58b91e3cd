//! What people do that only the statistics show.

use crate::api::customer::Customer;
use crate::api::servicer::Servicer;
use crate::platform::{NotPossible, Satisfaction};

impl Servicer {
    /// Asks the customer to rate (满意度评价).
    ///
    /// # Errors
    ///
    /// The session is not this servicer's, and was not last.
    pub fn asks_to_rate(&self, customer: &Customer) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.servicer_asks_to_rate(now, customer.chat(), self.userid()))
    }
}

impl Customer {
    /// Rates the service, which a servicer asked for. Counts once.
    ///
    /// # Errors
    ///
    /// Nobody asked, or this customer has rated since.
    pub fn rates(&self, rating: Satisfaction) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.customer_rates(now, self.chat(), rating))
    }
}
