//! Starts the simulator as flags and file say.

use std::sync::{Arc, OnceLock};

use wecom_kf_sim::Simulator;
use wecom_kf_text::reader_lang;

use super::config::Config;
use super::options::Options;
use super::screen::Screen;
use super::state::StateFile;
use super::terminal::{self, Terminal};
use super::{PORT, port};

/// Whether each call and callback is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    Shown,
    Hidden,
}

/// Starts a simulator, on the next port if the usual one is taken.
pub(super) async fn start(calls: Calls, terminal: &Terminal, options: Options) -> Result<Simulator, String> {
    let state = StateFile::new(options.state.clone()).read()?;
    let config = Config::read(options)?;
    let faults = config.faults();
    let base_url = Arc::new(OnceLock::new());
    let screen = (calls == Calls::Shown).then(|| Arc::new(Screen::on(*terminal, reader_lang())));
    let builder = |port| {
        let builder = config.builder(screen.as_ref(), port, base_url.clone())?;
        match &state {
            Some(state) => builder.state(state).map_err(|error| format!("cannot load the state: {error}")),
            None => Ok(builder),
        }
    };
    let simulator = match config.port {
        Some(port) => builder(port)?.start().await.map_err(|error| port::explain(&error, port))?,
        None => {
            let mut port = PORT;
            loop {
                match builder(port)?.start().await {
                    Ok(simulator) => break simulator,
                    Err(error) if port::is_taken(&error) && port < PORT + port::TRIED => {
                        let by = port::taken_by(port).await;
                        terminal::complain(&format!("port {port} is taken{by}; trying {}", port + 1));
                        port += 1;
                    }
                    Err(error) => return Err(port::explain(&error, port)),
                }
            }
        }
    };
    let _ = base_url.set(simulator.base_url());
    screen.iter().for_each(|screen| screen.meet(simulator.corps()));
    // A state has its own faults.
    if let Some(faults) = faults.filter(|_| state.is_none()) {
        for corp in simulator.corps() {
            corp.script(faults.clone()).map_err(|error| format!("the faults of the file: {error}"))?;
        }
    }
    Ok(simulator)
}
