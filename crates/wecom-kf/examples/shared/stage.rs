//! Shared by the examples: the choice between WeCom and a simulator, and the reading of new messages.

use std::time::Duration;

use tokio::time::sleep;
use wecom_kf::messages::Message;
use wecom_kf::{Client, Cursor, Error, OpenKfid, Report, Settings, Variable};
use wecom_kf_sim::Simulator;

/// The corp that an example uses: the one in the environment, or one on a simulator.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) kf: OpenKfid,
    /// The simulator. `None` with a real corp.
    pub(crate) sim: Option<Simulator>,
}

impl Stage {
    /// Connects to WeCom if `WECOM_CORP_ID`, `WECOM_KF_SECRET` and `WECOM_KF_OPEN_KFID` are set. Starts a simulator with the
    /// servicer `zhangsan` if none of the variables is set.
    pub(crate) async fn set() -> Result<Self, Report> {
        let settings = Settings::from_env();
        if !settings.is_empty() {
            settings.require(&[Variable::CorpId, Variable::Secret, Variable::OpenKfid])?;
            return Ok(Self { client: settings.client()?, kf: settings.open_kfid()?, sim: None });
        }
        let sim = Simulator::builder().servicer("zhangsan").start().await?;
        println!("No WECOM_CORP_ID in the environment: on a simulator at {}.\n", sim.base_url());
        let settings = Settings::from_vars(sim.vars());
        // The simulator runs on this machine, so a proxy in the environment must not be used.
        let client = settings.client_builder()?.http(|http| http.no_proxy()).build()?;
        Ok(Self { client, kf: settings.open_kfid()?, sim: Some(sim) })
    }

    /// Returns the wait between two reads. Without callbacks, WeCom tolerates about one read every 30 s.
    pub(crate) fn pause(&self) -> Duration {
        if self.sim.is_some() { Duration::from_millis(20) } else { Duration::from_secs(30) }
    }
}

/// Reads the messages that arrive from now on. It does not store its cursor; a real bot does.
pub(crate) struct Reader<'a> {
    stage: &'a Stage,
    cursor: Option<Cursor>,
}

impl<'a> Reader<'a> {
    /// Skips all messages up to now.
    pub(crate) async fn from_now(stage: &'a Stage) -> Result<Self, Error> {
        let mut reader = Self { stage, cursor: None };
        while reader.page().await?.1 {}
        Ok(reader)
    }

    /// Waits for the next messages and returns them.
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
        let mut request = client.messages().page(kf);
        if let Some(cursor) = &self.cursor {
            request = request.cursor(cursor);
        }
        // Without a callback's token an app may only read 10 times a minute, so the simulator supplies one.
        if let Some(sim) = sim {
            request = request.token(sim.sync_token());
        }
        let page = request.await?;
        self.cursor = page.next_cursor().cloned().or(self.cursor.take());
        Ok((page.messages().to_vec(), page.has_more()))
    }
}
