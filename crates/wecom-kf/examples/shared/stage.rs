//! What the examples have in common: whom to talk to, and messages from now on.

use std::time::Duration;

use tokio::time::sleep;
use wecom_kf::message::{Message, SyncRequest};
use wecom_kf::{Client, Error, OpenKfid, Report, Settings, Variable};
use wecom_kf_sim::Simulator;

/// Whom an example talks to: the corp that the environment names, or a simulator of its own.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) kf: OpenKfid,
    /// None with a real corp.
    pub(crate) sim: Option<Simulator>,
}

impl Stage {
    /// With `WECOM_CORP_ID`, `WECOM_KF_SECRET` and `WECOM_KF_OPEN_KFID` set, WeCom; with none of the variables, a
    /// simulator with the servicer `zhangsan`.
    pub(crate) async fn set() -> Result<Self, Report> {
        let settings = Settings::from_env();
        if !settings.is_empty() {
            settings.require(&[Variable::CorpId, Variable::Secret, Variable::OpenKfid])?;
            return Ok(Self { client: settings.client()?, kf: settings.open_kfid()?, sim: None });
        }
        let sim = Simulator::builder().servicer("zhangsan").start().await?;
        println!("No WECOM_CORP_ID in the environment: on a simulator at {}.\n", sim.base_url());
        let settings = Settings::from_vars(sim.vars());
        // The simulator is on this machine, whatever proxy the environment names.
        let client = settings.client_builder()?.http(|http| http.no_proxy()).build()?;
        Ok(Self { client, kf: settings.open_kfid()?, sim: Some(sim) })
    }

    /// How long to wait between two looks: without callbacks WeCom tolerates one every 30 s or so.
    pub(crate) fn pause(&self) -> Duration {
        if self.sim.is_some() { Duration::from_millis(20) } else { Duration::from_secs(30) }
    }
}

/// Messages as they come, none from before. It forgets its place when the program ends; a bot in earnest keeps it.
pub(crate) struct Reader<'a> {
    stage: &'a Stage,
    cursor: Option<String>,
}

impl<'a> Reader<'a> {
    /// Reads up to now.
    pub(crate) async fn from_now(stage: &'a Stage) -> Result<Self, Error> {
        let mut reader = Self { stage, cursor: None };
        while reader.page().await?.1 {}
        Ok(reader)
    }

    /// The next messages; waits until there are some.
    pub(crate) async fn next(&mut self) -> Result<Vec<Message>, Error> {
        loop {
            let (messages, has_more) = self.page().await?;
            if !messages.is_empty() {
                return Ok(messages);
            }
            if !has_more {
                sleep(self.stage.pause()).await;
            }
        }
    }

    async fn page(&mut self) -> Result<(Vec<Message>, bool), Error> {
        let Stage { client, kf, sim } = self.stage;
        let request = SyncRequest::new(kf);
        let request = self.cursor.iter().fold(request, |request, cursor| request.cursor(cursor));
        // Without the token of a callback an app may read 10 times a minute. The simulator gives one to whoever asks.
        let request = sim.iter().fold(request, |request, sim| request.token(sim.sync_token()));
        let page = client.message().sync(request).await?;
        self.cursor = page.next_cursor().map(str::to_owned).or(self.cursor.take());
        Ok((page.messages().to_vec(), page.has_more()))
    }
}
