//! Handing sessions over, and ending them, with the simulator.

use wecom_kf::{ErrCode, SessionState, To, Transition};
use wecom_kf_sim::op;

use super::{World, world};

const WORDS: &str = "正在为您转接";

impl World {
    fn state(&self) -> (i64, Option<String>) {
        (self.customer.state(), self.customer.servicer_userid())
    }
}

#[tokio::test]
async fn a_session_is_handed_over_once_and_the_customer_is_told_once() {
    let world = world().await;
    let sessions = world.client.sessions();
    let handed = sessions.hand_over(&world.kf, &world.id, To::servicer("zhangsan")).saying(WORDS).await.unwrap();
    assert!(handed.was_moved && handed.said.is_some(), "{handed:?}");
    assert_eq!(handed.session.to_string(), "state 3 servicer, servicer zhangsan");
    assert_eq!(world.customer.hears().await.unwrap().text(), Some(WORDS));
    for to in [To::servicer("zhangsan"), To::queue(), To::anyone_receiving()] {
        let again = sessions.hand_over(&world.kf, &world.id, to).saying(WORDS).await.unwrap();
        assert_eq!((again.was_moved, &again.said), (false, &None), "people have it already");
        assert_eq!(again.session, handed.session);
    }
    assert_eq!((world.sim.calls(op::SERVICE_STATE_TRANS), world.customer.heard().len()), (1, 1));

    world.sim.servicer("lisi");
    let other = sessions.hand_over(&world.kf, &world.id, To::servicer("lisi")).await.unwrap();
    assert!(other.was_moved);
    assert_eq!(world.state(), (3, Some("lisi".to_owned())));
}

#[tokio::test]
async fn anyone_is_a_servicer_who_takes_it_or_the_pool() {
    let world = world().await;
    for userid in ["lisi", "wangwu"] {
        world.sim.servicer(userid);
    }
    world.sim.servicer("zhangsan").stops();
    world.sim.servicer("lisi").stops();
    let sessions = world.client.sessions();
    // The one who receives stops between the list and the move.
    world.sim.fault(op::SERVICE_STATE_TRANS).errcode(ErrCode::SERVICER_NOT_RECEIVING.0).times(1);
    let queued = sessions.hand_over(&world.kf, &world.id, To::anyone_receiving()).saying(WORDS).await.unwrap();
    assert_eq!((queued.session.state, queued.was_moved), (SessionState::QUEUE, true));
    assert!(queued.said.is_some());
    // From the pool to a person, and back into nothing.
    let handed = sessions.hand_over(&world.kf, &world.id, To::anyone_receiving()).await.unwrap();
    assert_eq!((handed.was_moved, world.state()), (true, (3, Some("wangwu".to_owned()))));

    let other = super::world().await;
    other.sim.servicer("zhangsan").stops();
    let sessions = other.client.sessions();
    assert!(sessions.hand_over(&other.kf, &other.id, To::anyone_receiving()).await.unwrap().was_moved);
    let again = sessions.hand_over(&other.kf, &other.id, To::anyone_receiving()).await.unwrap();
    assert_eq!((again.was_moved, other.state()), (false, (2, None)), "nobody receives: it stays in the pool");
}

#[tokio::test]
async fn a_lost_answer_does_not_move_a_session_twice() {
    let world = world().await;
    let sessions = world.client.sessions();
    world.sim.fault(op::SERVICE_STATE_TRANS).reset_after().times(1);
    let handed = sessions.hand_over(&world.kf, &world.id, To::servicer("zhangsan")).saying(WORDS).await.unwrap();
    assert_eq!((handed.was_moved, handed.said), (true, None), "the code was in the lost answer");
    assert_eq!((world.state(), world.sim.calls(op::SERVICE_STATE_TRANS)), ((3, Some("zhangsan".to_owned())), 1));

    let other = super::world().await;
    other.sim.fault(op::SERVICE_STATE_TRANS).reset_before().times(1);
    let error = other.client.sessions().hand_over(&other.kf, &other.id, To::queue()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}: it did not happen, and the caller may repeat");
    assert_eq!(other.state().0, 0);
}

#[tokio::test]
async fn the_message_after_a_move_does_not_decide_about_the_move() {
    let world = world().await;
    world.sim.fault(op::SEND_MSG_ON_EVENT).errcode(ErrCode::INVALID_PARAMETER.0).always();
    let handed = world.client.sessions().hand_over(&world.kf, &world.id, To::queue()).saying(WORDS).await.unwrap();
    assert_eq!((handed.was_moved, handed.said), (true, None));

    let error = world.client.sessions().hand_over(&world.kf, &world.id, To::queue()).saying("").await.unwrap_err();
    assert!(error.to_string().starts_with("text is empty"), "{error}");
    let error = world.client.sessions().hand_over(&world.kf, &world.id, To::servicer("")).await.unwrap_err();
    assert!(error.to_string().starts_with("userid is empty"), "{error}");
}

#[tokio::test]
async fn a_session_is_ended_once_and_cannot_be_handed_over_then() {
    let world = world().await;
    let sessions = world.client.sessions();
    sessions.transition(&world.kf, &world.id, Transition::to_assistant()).await.unwrap();
    let ended = sessions.end(&world.kf, &world.id).saying("再见").await.unwrap();
    assert!(ended.was_moved && ended.said.is_some(), "{ended:?}");
    assert_eq!(world.customer.hears().await.unwrap().text(), Some("再见"));
    assert!(!sessions.end(&world.kf, &world.id).saying("再见").await.unwrap().was_moved);
    assert_eq!((world.state().0, world.customer.heard().len()), (4, 1));
    let error = sessions.hand_over(&world.kf, &world.id, To::queue()).await.unwrap_err();
    assert!(matches!(error.code(), Some(ErrCode::STATE_TRANSITION_NOT_ALLOWED | ErrCode::SESSION_ENDED)), "{error}");
}
