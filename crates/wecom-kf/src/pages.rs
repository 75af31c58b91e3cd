//! Lists that WeCom returns page by page, as one stream. A list whose cursors do not advance is an error.

use std::collections::HashSet;

use futures_util::stream::{Stream, TryStreamExt, iter, try_unfold};

use crate::{Bilingual, Error};

/// Streams the items of a list that begins at `first`. `fetch` gets a cursor, and returns the items, whether there are more,
/// and the next cursor.
pub(crate) fn pages<'a, T, F, Fut>(
    operation: &'static str,
    first: Option<String>,
    fetch: F,
) -> impl Stream<Item = Result<T, Error>> + Send + 'a
where
    T: Send + 'a,
    F: Fn(Option<String>) -> Fut + Send + Sync + 'a,
    Fut: Future<Output = Result<(Vec<T>, bool, Option<String>), Error>> + Send + 'a,
{
    let seen: HashSet<String> = first.iter().cloned().collect();
    try_unfold((fetch, seen, Some(first)), move |(fetch, mut seen, cursor)| async move {
        let Some(cursor) = cursor else { return Ok(None) };
        let (items, has_more, next) = fetch(cursor).await?;
        let next = next.filter(|next| !next.is_empty());
        // Without a new cursor the same pages would come again. Ending the stream here without an error would make an
        // incomplete list look complete.
        if has_more && next.as_ref().is_none_or(|next| !seen.insert(next.clone())) {
            return Err(Error::bad_reply(
                operation,
                Bilingual::fixed("there are more items, but no new cursor", "还有后续内容，却没有新的 cursor"),
            ));
        }
        Ok(Some((iter(items.into_iter().map(Ok)), (fetch, seen, has_more.then_some(next)))))
    })
    .try_flatten()
}
