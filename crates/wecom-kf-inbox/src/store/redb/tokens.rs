//! Access tokens in a [`Redb`](super::Redb): they outlive the process, and several clients in it share them.

use wecom_kf::BoxFuture;

use super::{Inner, Redb, tables};
use crate::store::error::unwritable;
use crate::store::turns::{KeptToken, TokenRecord};
use crate::store::{Refresh, StoreError, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish};

impl Inner {
    fn turn(&mut self, key: &TokenKey, wish: &TokenWish) -> Result<TokenTurn, StoreError> {
        if !self.tokens.contains_key(key) {
            let stored = self.with(|database| tables::token(database, key.as_str()))?;
            let kept = stored.map(|json| serde_json::from_slice(&json)).transpose();
            let kept: Option<TokenRecord> = kept.unwrap_or_else(|_| {
                // The next token that is fetched replaces it.
                tracing::warn!("what is stored of an access token cannot be read");
                None
            });
            self.tokens.insert(key.clone(), kept.map(KeptToken::from_record).unwrap_or_default());
        }
        Ok(self.tokens.entry(key.clone()).or_default().turn(key, wish))
    }

    fn finish(&mut self, refresh: &Refresh, outcome: &TokenOutcome) -> Result<(), StoreError> {
        let mut kept = self.tokens.get(&refresh.key).cloned().unwrap_or_default();
        kept.finish(refresh, outcome)?;
        let json = serde_json::to_vec(&kept.record()).map_err(|_| unwritable())?;
        self.with(|database| tables::put_token(database, refresh.key.as_str(), &json))?;
        self.tokens.insert(refresh.key.clone(), kept);
        Ok(())
    }
}

impl TokenStore for Redb {
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>> {
        let (key, wish) = (key.clone(), wish.clone());
        self.blocking(move |inner| inner.turn(&key, &wish))
    }

    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>> {
        let (refresh, outcome) = (refresh.clone(), outcome.clone());
        self.blocking(move |inner| inner.finish(&refresh, &outcome))
    }
}
