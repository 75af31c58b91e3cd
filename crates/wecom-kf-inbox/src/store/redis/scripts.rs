use ::redis::Script;

/// What Redis is asked to do, each in one step.
pub(super) struct Scripts {
    pub(super) probe: Script,
    pub(super) acquire: Script,
    pub(super) renew: Script,
    pub(super) release: Script,
    pub(super) load: Script,
    pub(super) commit: Script,
    pub(super) parked: Script,
    pub(super) drop_parked: Script,
    pub(super) turn: Script,
    pub(super) finish: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            probe: Script::new("return tonumber(redis.call('TIME')[1])"),
            acquire: Script::new(include_str!("acquire.lua")),
            renew: Script::new(include_str!("renew.lua")),
            release: Script::new(include_str!("release.lua")),
            load: Script::new(include_str!("load.lua")),
            commit: Script::new(concat!(include_str!("parking.lua"), include_str!("commit.lua"))),
            parked: Script::new(concat!(include_str!("parking.lua"), include_str!("parked.lua"))),
            drop_parked: Script::new(concat!(include_str!("parking.lua"), include_str!("drop_parked.lua"))),
            turn: Script::new(include_str!("turn.lua")),
            finish: Script::new(include_str!("finish.lua")),
        }
    }
}
