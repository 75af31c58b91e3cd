//! Seeds for the targets of the simulator: the examples of requests, uploads, and requests to the control API.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::Seeds;

pub(crate) fn write(root: &Path, seeds: &Seeds) -> Result<(), Box<dyn Error>> {
    for script in CONTROL {
        seeds.add("control", script)?;
    }
    for upload in UPLOADS {
        seeds.add("multipart", with_line_ends(upload))?;
    }
    let document = fs::read_to_string(root.join("spec/dist/wecom-kf.openapi.json"))?;
    let document: Value = serde_json::from_str(&document)?;
    for (path, item) in document["paths"].as_object().ok_or("the document has no paths")? {
        for (method, operation) in item.as_object().into_iter().flatten() {
            for request in requests(path, method, operation) {
                seeds.add("requests", &request)?;
                seeds.add("control", request + "\n---\nGET /sim/v1/report\n---\nGET /sim/v1/journal")?;
            }
        }
    }
    Ok(())
}

/// Returns the examples of an operation in the form that the targets read, with placeholders for the simulator's ids.
fn requests(path: &str, method: &str, operation: &Value) -> Vec<String> {
    let query: String = parameters(operation).map(|(name, value)| format!("&{name}={value}")).collect();
    let line = format!("{} {path}?access_token=@token{query}", method.to_uppercase());
    let Some(content) = operation["requestBody"]["content"].as_object() else { return vec![own_names(&line)] };
    if content.contains_key("multipart/form-data") {
        return UPLOADS.map(|upload| format!("{line} {}", with_line_ends(upload))).into();
    }
    let media = &content["application/json"];
    let named = media["examples"].as_object().into_iter().flat_map(Map::values).map(|example| &example["value"]);
    named.chain(media.get("example")).map(|body| own_names(&format!("{line}\n{body}"))).collect()
}

/// Creates an upload whose body has the line ends of HTTP.
fn with_line_ends(upload: &str) -> String {
    upload.replace('\n', "\r\n").replacen("\r\n", "\n", 1)
}

fn parameters(operation: &Value) -> impl Iterator<Item = (&str, &str)> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let in_query = parameters.filter(|parameter| parameter["in"] == "query");
    in_query.filter_map(|parameter| Some((parameter["name"].as_str()?, parameter["example"].as_str()?)))
}

fn own_names(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (theirs, own)| text.replace(theirs, own))
}

/// The ids in the examples of the document, and the placeholders that replace them.
const NAMES: [(&str, &str); 6] = [
    ("wkExampleAccount", "@account"),
    ("wmExampleCustomer", "@customer"),
    ("MEDIA_ID_EXAMPLE", "@file"),
    ("CALLBACK_TOKEN_EXAMPLE", "@callback"),
    ("CORP_SECRET_EXAMPLE", "@secret"),
    ("wwExampleCorp", "ww7"),
];

/// Uploads: the Content-Type and the body of each.
const UPLOADS: [&str; 5] = [
    "multipart/form-data; boundary=x\n--x\nContent-Disposition: form-data; name=\"media\"; filename=\"a.txt\"\n\
     Content-Type: text/plain\n\nBYTES\n--x--\n",
    "multipart/form-data; boundary=\"a b\"\n--a b\nContent-Disposition: form-data; name=\"media\"; filename=\"甲.txt\"\n\n\
     \n--a b--\n",
    "multipart/form-data; boundary=x\n--x\nContent-Disposition: form-data; name=\"a\"\n\n1\n--x\nContent-Disposition: \
     form-data; name=\"media\"; filename*=UTF-8''a.txt\n\nBYTES\n--x--\n",
    "multipart/form-data; boundary=x\npreamble\n--x \nContent-Disposition: form-data; filename=\"a\\\"b\"\n\n--x\n--x--",
    "multipart/form-data\n--\n",
];

/// Scripts for the control API.
const CONTROL: [&str; 24] = [
    "GET /sim/v1/info",
    "GET /sim/v1/state?corp_id=ww7\n---\nGET /sim/v1/report\n---\nGET /sim/v1/openapi.yaml",
    "GET /sim/v1/events?after=0",
    "GET /sim/v1/assumptions\n---\nPUT /sim/v1/assumptions/tokenless_reads_are_limited\n{\"holds\":false}",
    "POST /sim/v1/reset\n{\"seed\":\"9\"}\n---\nGET /sim/v1/state",
    "POST /sim/v1/accounts\n{\"name\":\"二店\"}\n---\nDELETE /sim/v1/accounts/@account\n---\nGET /sim/v1/accounts",
    "GET /sim/v1/contact_ways?open_kfid=@account",
    "POST /sim/v1/customers\n{\"name\":\"小李\",\"open_kfid\":\"@account\"}\n---\nGET /sim/v1/customers",
    "PATCH /sim/v1/customers/@customer\n{\"name\":\"王\",\"gender\":1,\"avatar\":\"\",\"unionid\":\"u\"}",
    "POST /sim/v1/customers/@customer/enter\n{\"scene\":\"a\",\"scene_param\":\"b%20c\"}\n---\n\
     POST /sim/v1/customers/@customer/enter\n{\"channels\":{\"scene\":4,\"nickname\":\"店\"}}",
    "POST /sim/v1/customers/@customer/messages\n{\"msgtype\":\"text\",\"text\":\"在吗\"}\n---\n\
     POST /sim/v1/customers/@customer/messages\n{\"msgtype\":\"image\",\"image\":{\"media_id\":\"@file\"}}\n---\n\
     GET /sim/v1/customers/@customer/chat?after=1&count=2&wait=5s",
    "POST /cgi-bin/kf/send_msg?access_token=@token\n{\"touser\":\"@customer\",\"open_kfid\":\"@account\",\"msgtype\":\"text\",\
     \"text\":{\"content\":\"<a href=\\\"weixin://kefumenu?kefumenucontent=a&kefumenuid=1\\\">b</a>\"}}\n---\n\
     POST /sim/v1/customers/@customer/taps\n{\"menu_id\":\"1\"}",
    "POST /sim/v1/customers/@customer/recall\n{\"msgid\":\"m\"}\n---\nPOST /sim/v1/customers/@customer/read\n{}",
    "POST /sim/v1/customers/@customer/upgrade\n{}\n---\nPOST /sim/v1/customers/@customer/rating\n{\"rating\":\"middling\"}",
    "POST /sim/v1/sessions/@account/@customer/take\n{\"servicer_userid\":\"zhangsan\"}\n---\n\
     POST /sim/v1/sessions/@account/@customer/reply\n{\"msgtype\":\"text\",\"text\":\"您好\"}\n---\n\
     POST /sim/v1/sessions/@account/@customer/rating\n{\"servicer_userid\":\"zhangsan\"}\n---\n\
     POST /sim/v1/sessions/@account/@customer/end\n{}",
    "POST /sim/v1/sessions/@account/@customer/transfer\n{\"to\":\"zhangsan\"}\n---\n\
     POST /sim/v1/sessions/@account/@customer/recall\n{\"msgid\":\"m\"}\n---\n\
     POST /sim/v1/sessions/@account/@customer/reject\n{\"servicer_userid\":\"zhangsan\",\"rejecting\":true}",
    "POST /sim/v1/media?type=image&filename=a.png application/octet-stream\n\u{1}PNG\n---\nGET /sim/v1/media/@file",
    "PUT /sim/v1/servicers/lisi\n{\"status\":0,\"open_kfids\":[\"@account\"]}\n---\nGET /sim/v1/servicers",
    "POST /sim/v1/departments\n{\"department_id\":2,\"userids\":[\"lisi\"]}\n---\nGET /sim/v1/departments",
    "PATCH /sim/v1/corp\n{\"upgrade\":{\"userids\":[\"lisi\"],\"department_ids\":[2],\"chat_ids\":[\"c\"]},\
     \"wechat_channels_bound\":true}\n---\nGET /sim/v1/corp",
    "POST /sim/v1/clock\n{\"manual\":true,\"advance\":\"49h\"}\n---\nGET /sim/v1/clock",
    "POST /sim/v1/faults\n{\"script\":[{\"operation\":\"*\",\"effect\":\"errcode\",\"errcode\":-1,\"times\":2},\
     {\"operation\":\"callback\",\"effect\":\"late\",\"delay\":\"2s\",\"probability\":0.5,\"always\":true}]}\n---\n\
     GET /sim/v1/faults\n---\nDELETE /sim/v1/faults/1\n---\nDELETE /sim/v1/faults",
    "POST /sim/v1/tokens/expire\n{}\n---\nPOST /sim/v1/tokens/revoke\n{}\n---\nGET /sim/v1/journal?op=gettoken&errcode=0&\
     count=1&limit=5&wait=1s&after=0&kind=call\n---\nGET /sim/v1/journal/1",
    "PUT /sim/v1/callback\n{\"url\":\"http://127.0.0.1:9/\",\"token\":\"Tok1\",\"encoding_aes_key\":\
     \"BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY\"}\n---\nPOST /sim/v1/callback/verify\n{}\n---\n\
     POST /sim/v1/callbacks/2/repeat\n{}\n---\nDELETE /sim/v1/callback",
];
