//! What is served, without a browser.

use wecom_kf_sim::Simulator;

#[tokio::test]
async fn the_page_and_its_files_are_served_with_a_policy_and_leave_no_trace_in_the_journal() {
    let sim = Simulator::start().await.unwrap();
    let files = [
        ("/", "text/html; charset=utf-8"),
        ("/console/main.js", "text/javascript; charset=utf-8"),
        ("/console/console.css", "text/css; charset=utf-8"),
        ("/console/zh-CN.json", "application/json"),
        ("/favicon.ico", "image/svg+xml"),
    ];
    for (path, content_type) in files {
        let response = reqwest::get(format!("{}{path}", sim.base_url())).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), content_type);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-cache");
        assert_eq!(header("referrer-policy"), "no-referrer");
        let policy = header("content-security-policy");
        for rule in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
        {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    assert_eq!((sim.journal().len(), sim.requests()), (0, 0));
}
