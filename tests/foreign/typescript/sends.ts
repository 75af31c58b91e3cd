// Every kind of message that can be sent compiles.
import type { components } from "./wecom-kf";

type Schemas = components["schemas"];
const to = { touser: "wm1", open_kfid: "wk1" };

export const sends: Schemas["SendRequest"][] = [
    { ...to, msgtype: "text", text: { content: "您好" } },
    { ...to, msgid: "own-1", msgtype: "image", image: { media_id: "m" } },
    { ...to, msgtype: "voice", voice: { media_id: "m" } },
    { ...to, msgtype: "video", video: { media_id: "m" } },
    { ...to, msgtype: "file", file: { media_id: "m" } },
    { ...to, msgtype: "link", link: { title: "t", url: "https://example.com", thumb_media_id: "m" } },
    { ...to, msgtype: "miniprogram", miniprogram: { appid: "a", thumb_media_id: "m", pagepath: "p" } },
    {
        ...to,
        msgtype: "msgmenu",
        msgmenu: {
            list: [
                { type: "click", click: { content: "转人工" } },
                { type: "view", view: { url: "https://example.com", content: "官网" } },
                { type: "miniprogram", miniprogram: { appid: "a", pagepath: "p", content: "c" } },
                { type: "text", text: { content: "c", no_newline: 1 } },
            ],
        },
    },
    { ...to, msgtype: "location", location: { latitude: 23.1, longitude: 113.3 } },
    { ...to, msgtype: "business_card", business_card: { userid: "zhangsan" } },
    { ...to, msgtype: "ca_link", ca_link: { link_url: "https://example.com" } },
];

export const onEvent: Schemas["SendOnEventRequest"][] = [
    { code: "c", msgtype: "text", text: { content: "欢迎" } },
    { code: "c", msgtype: "msgmenu", msgmenu: { head_content: "请选择" } },
];

export const upgrades: Schemas["UpgradeServiceRequest"][] = [
    { open_kfid: "wk1", external_userid: "wm1", type: 1, member: { userid: "zhangsan" } },
    { open_kfid: "wk1", external_userid: "wm1", type: 2, groupchat: { chat_id: "wr1" } },
];

export const answer: Schemas["KnowledgeAnswerInput"] = {
    text: { content: "9:00–18:00" },
    attachments: [{ msgtype: "image", image: { media_id: "m" } }],
};

// A reply may lack anything.
export const received: Schemas["SyncResponse"] = { msg_list: [{ msgtype: "new kind" }, { text: null }] };
