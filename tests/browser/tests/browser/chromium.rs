//! In: a page. Out: the same in headless Chromium, driven over WebDriver; a console with an error is a failure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use vrt_train::atomic;

/// A page that is open in a browser.
pub struct Page {
    client: Client,
    address: String,
}

/// The driver's process; it ends with the test, and its browser with it, whatever the test did.
struct Driver {
    child: Child,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed outright, it would leave its browser running.
        let asked = TcpStream::connect(("localhost", self.port)).and_then(|mut stream| {
            stream.write_all(
                b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            )?;
            stream.read_to_end(&mut Vec::new())
        });
        if asked.is_err() {
            // It may have ended by itself.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Opens a page, does something with it, and looks at the console.
///
/// # Panics
/// If Chromium is not there, `act` panics, or the console holds an error.
pub fn visit(html: &str, act: impl AsyncFnOnce(&Page)) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    atomic::write(&file, html.as_bytes()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let driver = driver();
        let profile = folder.path().join("profile");
        let client = connect(driver.port, &profile.display().to_string()).await;
        let page = Page {
            client: client.clone(),
            address: format!("file://{}", file.display()),
        };
        page.client.goto(&page.address).await.unwrap();
        act(&page).await;
        let errors = page.errors().await;
        client.close().await.unwrap();
        assert!(errors.is_empty(), "the console holds an error: {errors:#?}");
    });
}

/// Starts the driver on a free port.
fn driver() -> Driver {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("chromedriver cannot be started: install the Debian packages chromium and chromium-driver");
    let said = BufReader::new(child.stdout.take().unwrap());
    let port = said.lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    let port = port.expect("chromedriver ended before it named its port");
    Driver { child, port }
}

async fn connect(port: u16, profile: &str) -> Client {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1000",
        &format!("--user-data-dir={profile}"),
    ];
    let capabilities = json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let Value::Object(capabilities) = capabilities else {
        unreachable!("an object was written above");
    };
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://localhost:{port}"))
        .await
        .expect("chromedriver cannot start chromium")
}

/// Chromium's own command: what the console holds.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (
            http::Method::POST,
            Some(json!({ "type": "browser" }).to_string()),
        )
    }
}

impl Page {
    /// Everything on the console that is a warning or worse.
    async fn errors(&self) -> Vec<String> {
        let held = self.client.issue_cmd(Console).await.unwrap();
        let entries = held.as_array().cloned().unwrap_or_default();
        let loud = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries
            .iter()
            .filter(loud)
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// What a script returns.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, Vec::new()).await
    }

    /// What a script returns that is given `arguments`.
    pub async fn run_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// The text of the first element.
    pub async fn text(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0]).textContent";
        let text = self.run_with(script, vec![json!(selector)]).await;
        text.as_str().unwrap().to_owned()
    }

    /// Types into whatever has the focus.
    pub async fn keys(&self, keys: &str) {
        let focus = self.client.active_element().await.unwrap();
        focus.send_keys(keys).await.unwrap();
    }

    /// Clicks the first of these elements whose text begins so.
    pub async fn click_text(&self, selector: &str, text: &str) {
        for element in self.client.find_all(Locator::Css(selector)).await.unwrap() {
            if element.text().await.unwrap().starts_with(text) {
                return element.click().await.unwrap();
            }
        }
        panic!("no {selector} begins with {text}");
    }

    /// Chooses an entry of a menu.
    pub async fn choose(&self, menu: &str, entry: &str) {
        let selector = format!("select[aria-label={menu}]");
        let menu = self.client.find(Locator::Css(&selector)).await.unwrap();
        menu.select_by_label(entry).await.unwrap();
    }

    /// Opens a trace and a unit by their address, both from 1.
    pub async fn open(&self, trace: usize, unit: usize) {
        let address = format!("{}#{trace}.{unit}", self.address);
        self.client.goto("about:blank").await.unwrap();
        self.client.goto(&address).await.unwrap();
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }
}
