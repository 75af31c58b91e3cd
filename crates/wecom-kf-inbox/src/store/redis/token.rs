//! Access tokens in a [`Redis`].

use std::time::Duration;

use wecom_kf::{AccessToken, BoxFuture, ErrCode};

use super::{Question, Redis, in_ms, limit_in_ms, optional};
use crate::store::{
    Refresh, StoreError, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
};

impl Redis {
    async fn turn(&self, key: &TokenKey, wish: &TokenWish) -> Result<TokenTurn, StoreError> {
        let id = format!("{:032x}", fastrand::u128(..));
        let mut question = Question::new(&self.0.scripts.turn, self.0.keys.of_token(key));
        question
            .arg(&id)
            .arg(limit_in_ms(wish.limit))
            .arg(in_ms(wish.at_least))
            .arg(optional(wish.rejected.as_ref().map(AccessToken::expose)));
        let (outcome, text, number, code): (String, String, i64, String) = self.ask(&question).await?;
        Ok(match &*outcome {
            "token" => TokenTurn::Token(StoredToken {
                token: AccessToken::from(text),
                left: Duration::from_millis(number.max(0).unsigned_abs()),
            }),
            "wait" => TokenTurn::Wait,
            "failed" => TokenTurn::Failed(TokenFailure { code: code.parse().ok().map(ErrCode), message: text }),
            _ => TokenTurn::Refresh(Refresh { key: key.clone(), id, failures: number.try_into().unwrap_or(u32::MAX) }),
        })
    }

    async fn finish(&self, refresh: &Refresh, outcome: &TokenOutcome) -> Result<(), StoreError> {
        let mut question = Question::new(&self.0.scripts.finish, self.0.keys.of_token(&refresh.key));
        question.arg(&refresh.id);
        match outcome {
            TokenOutcome::Token { token, hold } => {
                question.arg(in_ms(*hold)).arg("token").arg(token.token.expose()).arg(in_ms(token.left))
            }
            TokenOutcome::Failed { failure, hold } => {
                let code = failure.code.map_or_else(String::new, |code| code.0.to_string());
                question.arg(in_ms(*hold)).arg("failed").arg(&failure.message).arg(code)
            }
        };
        match self.ask::<i64>(&question).await? {
            0 => Err(StoreError::StaleLease),
            _ => Ok(()),
        }
    }
}

impl TokenStore for Redis {
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>> {
        Box::pin(self.turn(key, wish))
    }

    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.finish(refresh, outcome))
    }
}
