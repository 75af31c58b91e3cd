//! `wecom-kf doctor` and certificates that are not accepted.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::hostile::http;
use crate::stage::{Outcome, Stage};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate authority that this machine does not know.
fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Serves HTTPS with a certificate of this authority for these names, valid until the year.
async fn server(authority: &Authority, name: &str, until: i32) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(until, 1, 1));
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.into()], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that refuses the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(http("200 OK", "", "").as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_accepted() {
    let stage = Stage::start().await;
    let authority = authority("A");
    let file = stage.home.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let file = file.to_str().unwrap();
    let doctor = async |address: SocketAddr, known: &str| -> Outcome {
        let run = stage.run(&["doctor", "--callback", &format!("https://{address}/")]);
        let run = run.var("WECOM_KF_BASE_URL", format!("https://{address}")).var("SSL_CERT_FILE", known);
        let callback = [("TOKEN", "FixtureCallbackTok01"), ("AES_KEY", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY")];
        let [token, key] = callback.map(|(name, value)| (format!("WECOM_KF_CALLBACK_{name}"), value));
        run.var(&token.0, token.1).var(&key.0, key.1).piped().await
    };
    let other = self::authority("B");
    let others = stage.home.path().join("other.pem");
    std::fs::write(&others, other.pem()).unwrap();
    let others = others.to_str().unwrap();

    let right = server(&authority, "127.0.0.1", 2090).await;
    for (address, known, remedy) in [
        (right, others, "add its CA to the certificates of this machine"),
        (server(&self::authority("B"), "127.0.0.1", 2090).await, others, "add its CA to the certificates"),
        (server(&authority, "127.0.0.1", 2002).await, file, "Check the clock of this machine"),
        (server(&authority, "other.example", 2090).await, file, "The certificate is of another name"),
    ] {
        let outcome = doctor(address, known).await;
        for id in ["tls", "callback_verification"] {
            let line = outcome.stdout.lines().find(|line| line.split('\t').nth(1) == Some(id)).unwrap();
            assert!(line.starts_with("problem\t") && line.contains(remedy), "{id}: {outcome:#?}");
        }
    }
    // What the remedies lead to: a certificate that is valid, of this name, and of a known authority.
    let outcome = doctor(right, file).await;
    for id in ["tls", "callback_tls"] {
        assert!(outcome.stdout.contains(&format!("ok\t{id}\tTLS works")), "{id}: {outcome:#?}");
    }
}
