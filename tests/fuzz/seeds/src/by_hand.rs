//! Hand-written seeds, for inputs that neither samples nor documents contain: unusual envelopes and XML, headers and names.

use std::io;

use crate::Seeds;

pub(crate) fn write(seeds: &Seeds) -> io::Result<()> {
    for body in ENVELOPES {
        seeds.add("frame", format!("\0{body}"))?;
    }
    for blocks in [1, 2, 4, 10] {
        seeds.add("frame", [&[1], &[0xa5; 16].repeat(blocks)[..]].concat())?;
    }
    for xml in XML {
        seeds.add_xml(xml)?;
    }
    for disposition in DISPOSITIONS {
        seeds.add("media", format!("content-disposition: {disposition}\ncontent-type: image/jpg\n\nBYTES"))?;
    }
    for reply in MEDIA {
        seeds.add("media", reply)?;
    }
    for text in NAMES {
        seeds.add("names", text)?;
    }
    Ok(())
}

const ENVELOPES: [&str; 3] = [
    "<xml><ToUserName>a</ToUserName><Encrypt><![CDATA[QUJD]]></Encrypt><AgentID/></xml>",
    "<xml><Encrypt>QUJD</Encrypt><Encrypt>QUJD</Encrypt></xml>",
    "<!DOCTYPE xml [<!ENTITY a \"aaaa\">]><xml><Encrypt>&a;<b/></Encrypt></xml>",
];

const XML: [&str; 5] = [
    "<?xml version=\"1.0\"?><!DOCTYPE a><xml>&amp;&#x41;<a b=\"c\"/></xml>",
    "<xml><MsgType>event</MsgType><Event>kf_msg_or_event</Event><Token>a&lt;b</Token><CreateTime>1</CreateTime>\
     <ToUserName>ww0</ToUserName></xml>",
    "<xml><!-- a --><?b c?><MsgType> <![CDATA[text]]> </MsgType><Content>&#20320;</Content></xml>",
    "<a><b><c><d><e/></d></c></b></a>",
    "<xml><CreateTime>-1</CreateTime><CreateTime>9223372036854775808</CreateTime></xml>",
];

const DISPOSITIONS: [&str; 6] = [
    "attachment; filename=\"a.jpg\"",
    "attachment; filename=\"x\"; filename*=UTF-8''%E7%94%B2.txt",
    "attachment; filename=\"../../etc/passwd\"",
    "attachment; FileName=plain.amr; size=7",
    "attachment; filename=\"say \\\"hi\\\".txt\"",
    "attachment; filename=\"%e2%80%aegnp.exe\"",
];

const MEDIA: [&str; 3] = [
    "206\ncontent-range: bytes 0-4/10\naccept-ranges: bytes\n\nBYTES",
    "content-length: 5\naccept-ranges: bytes\n\nBYTES",
    "content-type: application/json\n\n{\"errcode\":\"40007\",\"errmsg\":\"invalid media_id\"}",
];

const NAMES: [&str; 8] = [
    "报价 1.pdf",
    "../../.env",
    "-rf",
    "con.txt",
    "COM¹",
    "a\u{202e}gnp.exe",
    "a:b\u{2028}.txt ",
    " \u{feff}ww0fixture0corp0001\r\n",
];
