//! The page in headless Chromium: it opens, filters, steps, obeys the keyboard, and text stays text.

mod chromium;

use browser::traces::{COUNT, HOSTILE, HOSTILE_ANSWER, HOSTILE_END, odd, of_kind, traces};
use chromium::{Page, visit};
use serde_json::{Value, json};

/// One page for all: each test has a browser of its own.
fn page() -> String {
    vrt_view::page(&traces(), "A thousand traces")
}

impl Page {
    /// The text of the status beside the title.
    async fn count(&self) -> String {
        self.text("#head [role=status]").await
    }

    /// The captions of the rows that are drawn, from the top.
    async fn captions(&self) -> Vec<String> {
        let rows = "return [...document.querySelectorAll('[role=option] .caption')].map(e => e.textContent)";
        serde_json::from_value(self.run(rows).await).unwrap()
    }

    /// The keys of the pictures under a heading of the evidence.
    async fn pictures(&self, heading: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll('.part')]
            .filter(part => part.querySelector('h4')?.firstChild.textContent === arguments[0])
            .flatMap(part => [...part.querySelectorAll('.pictures .tag')].map(tag => tag.firstChild.textContent))";
        serde_json::from_value(self.run_with(script, vec![json!(heading)]).await).unwrap()
    }

    async fn units(&self) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll('[role=tab]')].map(tab => tab.textContent)";
        serde_json::from_value(self.run(script).await).unwrap()
    }

    /// Which unit is chosen, from 1.
    async fn unit(&self) -> Value {
        self.run("return 1 + [...document.querySelectorAll('[role=tab]')].findIndex(tab => tab.ariaSelected === 'true')")
            .await
    }

    async fn title(&self) -> String {
        self.text("#trace h2").await
    }
}

#[test]
fn opens_a_thousand_traces_and_draws_only_those_in_sight() {
    visit(&page(), async |page| {
        assert_eq!(page.text("h1").await, "A thousand traces");
        assert_eq!(page.count().await, "1000 traces");
        assert_eq!(page.title().await, "caption 0");
        let drawn = page.captions().await.len();
        assert!((5..60).contains(&drawn), "{drawn} rows are drawn");
        page.keys("\u{E010}").await; // End
        assert_eq!(page.title().await, format!("caption {}", COUNT - 1));
        let captions = page.captions().await;
        assert_eq!(captions.last(), Some(&format!("caption {}", COUNT - 1)));
        assert!(captions.len() < 60);
        page.keys("\u{E011}").await; // Home
        assert_eq!(page.captions().await[0], "caption 0");
        // Every picture of the chosen trace is drawn, and none came from elsewhere.
        let broken = "return [...document.images].filter(i => !(i.complete && i.naturalWidth && i.src.startsWith('data:'))).length";
        assert_eq!(page.run(broken).await, json!(0));
        assert_eq!(
            page.run("return document.images.length > 48").await,
            json!(true)
        );
        let asked = "return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length";
        assert_eq!(page.run(asked).await, json!(0));
    });
}

#[test]
fn filters_and_orders_choose() {
    visit(&page(), async |page| {
        let wrong = of_kind(1);
        let malformed = of_kind(3);
        page.click_text("button.filter", "Wrong").await;
        assert_eq!(page.count().await, format!("{wrong} of 1000 traces"));
        assert_eq!(page.captions().await[..2], ["caption 0", "caption 6"]);
        page.click_text("button.filter", "Malformed").await;
        assert_eq!(page.count().await, "0 of 1000 traces");
        assert!(page.text("#trace").await.contains("No trace passes"));
        page.click_text("button.filter", "Wrong").await;
        assert_eq!(page.count().await, format!("{malformed} of 1000 traces"));
        page.click_text("button.filter", "Malformed").await;
        page.choose("Order", "most tool calls").await;
        assert_eq!(page.captions().await[..2], ["caption 0", HOSTILE]);
        page.choose("Order", "biggest disagreement").await;
        assert_eq!(
            page.captions().await[..5],
            [
                "caption 0",
                "caption 0",
                "caption 0",
                "caption 0",
                "caption 4"
            ]
        );
        page.keys("\u{E00C}").await; // Esc: out of the menu
        page.keys("5").await; // Disagreement
        assert_eq!(page.count().await, "4 of 1000 traces");
        page.keys("5").await;
        page.keys("/").await;
        page.keys("zoom_in look").await;
        let zoomed = of_kind(2) - 1; // one of them is hostile instead
        assert_eq!(page.count().await, format!("{zoomed} of 1000 traces"));
    });
}

#[test]
fn steps_through_a_trace_and_shows_what_is_remembered() {
    visit(&page(), async |page| {
        page.keys("jj").await;
        assert_eq!(
            page.units().await,
            [
                "Unit 1 select_frames",
                "Unit 2 select_frames",
                "Unit 3 zoom_in",
                "Answer"
            ]
        );
        let first = ["4", "10", "16", "22", "28", "34", "40", "46"];
        assert_eq!(page.pictures("Shown first").await, first);
        assert_eq!(page.pictures("In view").await, [""; 0]);
        assert_eq!(page.pictures("Brought").await, ["10", "11"]);
        page.keys("l").await;
        assert_eq!(page.pictures("In view").await, ["10", "11"]);
        assert_eq!(page.pictures("Forgotten").await, [""; 0]);
        page.keys("\u{E014}").await; // →
        assert_eq!(page.unit().await, json!(3));
        assert_eq!(page.pictures("Forgotten").await, ["10", "11"]);
        assert_eq!(page.pictures("In view").await, ["30", "31"]);
        assert_eq!(page.pictures("Brought").await, ["40"]);
        page.keys("ll").await;
        assert_eq!(page.unit().await, json!(4));
        assert_eq!(page.pictures("Forgotten").await, ["10", "11", "30", "31"]);
        page.keys("\u{E012}").await; // ←
        assert_eq!(page.unit().await, json!(3));
        // The address names the trace and the unit, and leads back to them.
        assert_eq!(page.run("return location.hash").await, json!("#3.3"));
        page.reload().await;
        assert_eq!(page.unit().await, json!(3));
        assert_eq!(page.pictures("In view").await, ["30", "31"]);
        // Judgment by judgment against the truth: TA 1, VQ 0, MQ 2, OA 1.
        let overall = "return [...document.querySelectorAll('.verdicts .overall td')].map(cell => cell.textContent)";
        assert_eq!(
            page.run(overall).await,
            json!(["video 1", "video 2 ✗", "tie ✗", "video 1 ✓", "video 1 ✓"])
        );
    });
}

#[test]
fn a_group_shows_its_rewards_and_leads_to_its_samples() {
    visit(&page(), async |page| {
        let rows = "return [...document.querySelectorAll('.samples tbody tr')].map(row => row.lastChild.previousSibling.textContent)";
        assert_eq!(
            page.run(rows).await,
            json!(["+0.500", "−0.750", "+1.000", "−0.750"])
        );
        assert!(page.text(".terms").await.contains("accuracy"));
        page.keys("]]").await;
        assert_eq!(page.text(".samples tr.now th").await, "#2 made / up");
        page.click_text(".samples button", "#1").await;
        assert!(page.text(".end").await.contains("Wrong overall"));
        page.keys("[").await;
        assert!(page.text(".end").await.contains("Right overall"));
    });
}

#[test]
fn a_fault_and_what_is_no_unit_are_told() {
    visit(&page(), async |page| {
        page.keys("jjj").await;
        assert!(page.text(".end").await.contains("Stopped: malformed"));
        assert!(page.text(".raw pre").await.contains("</script>"));
        page.keys("j").await;
        assert!(page.text(".fault").await.contains("129"));
        assert!(
            page.text(".fault")
                .await
                .contains("Told to the model (bad_arguments)")
        );
    });
}

#[test]
fn hostile_text_stays_text() {
    visit(&page(), async |page| {
        let elements = "return ['script', 'img:not([src^=\"data:image/\"])', 'svg', 'iframe', '[onmouseover]', '[onload]', '[onerror]']
            .map(name => document.querySelectorAll(name).length)";
        let quiet = page.run(elements).await;
        assert_eq!(quiet, json!([2, 0, 0, 0, 0, 0, 0]));
        for number in [HOSTILE_ANSWER, HOSTILE_END] {
            page.open(number + 1, 1).await;
            assert_eq!(page.title().await, HOSTILE);
            for _ in page.units().await {
                assert_eq!(page.run(elements).await, quiet);
                page.keys("l").await;
            }
        }
        assert_eq!(page.run("return window.owned ?? null").await, json!(null));
    });
}

#[test]
fn keys_help_and_colours() {
    visit(&page(), async |page| {
        page.keys("?").await;
        assert_eq!(
            page.run("return document.querySelector('dialog').open")
                .await,
            json!(true)
        );
        page.keys("j").await; // belongs to the dialog
        page.keys("\u{E00C}").await; // Esc
        assert_eq!(
            page.run("return document.querySelector('dialog').open")
                .await,
            json!(false)
        );
        assert_eq!(page.run("return location.hash").await, json!("#1.1"));
        page.keys("\u{E007}").await; // Enter
        assert_eq!(
            page.run("return document.activeElement.id").await,
            json!("trace")
        );
        page.keys("\u{E00C}").await;
        assert_eq!(
            page.run("return document.activeElement.id").await,
            json!("list")
        );
        let ground = "return getComputedStyle(document.body).backgroundColor";
        let before = page.run(ground).await;
        page.keys("t").await;
        assert_ne!(page.run(ground).await, before);
        page.keys("t").await;
        assert_eq!(page.run(ground).await, before);
        // A screen reader hears of every row's place among all.
        assert_eq!(page.run("const row = document.getElementById(document.getElementById('list').getAttribute('aria-activedescendant')); return [row.ariaSelected, row.ariaPosInSet, row.ariaSetSize]").await, json!(["true", "1", "1000"]));
    });
}

#[test]
fn a_picture_can_be_enlarged() {
    visit(&page(), async |page| {
        let open = "return document.querySelector('dialog.large')?.open ?? false";
        assert_eq!(page.run(open).await, json!(false));
        page.click_text(".pictures .zoom", "").await;
        assert_eq!(page.run(open).await, json!(true));
        let words = "frame 4: video 1, frame 4 of 24";
        assert!(page.text("dialog.large").await.starts_with(words));
        page.keys("j").await; // belongs to the dialog
        page.keys("\u{E00C}").await; // Esc
        assert_eq!(page.run(open).await, json!(false));
        assert_eq!(page.run("return location.hash").await, json!("#1.1"));
    });
}

#[test]
fn what_says_little_is_shown_as_well() {
    visit(&vrt_view::page(&odd(), "odd"), async |page| {
        assert_eq!(page.title().await, "(no caption)");
        assert!(page.text("#trace").await.contains("No unit was written."));
        page.keys("jll").await;
        assert_eq!(page.pictures("Forgotten").await, ["10", "11"]);
        assert!(page.text(".end").await.contains("truth unknown"));
        page.keys("j").await;
        assert!(page.text("figcaption").await.contains("0 frames"));
        page.keys("j").await;
        let rows =
            "return [...document.querySelectorAll('.terms tbody tr')].map(row => row.textContent)";
        assert_eq!(
            page.run(rows).await,
            json!(["accuracy1.5001.0001.500", "accuracy–––"])
        );
        // No number that is none ends up on the page.
        let text = page.text("body > main").await;
        for word in ["NaN", "Infinity", "undefined", "null", "[object"] {
            assert!(!text.contains(word), "{word} is in {text}");
        }
    });
}

#[test]
fn a_page_without_traces_says_so() {
    visit(&vrt_view::page(&[], HOSTILE), async |page| {
        assert_eq!(page.text("h1").await, HOSTILE);
        assert_eq!(page.count().await, "0 traces");
        assert!(page.text("#trace").await.contains("holds no traces"));
        page.keys("jkl]5?").await;
    });
}

#[test]
#[should_panic(expected = "the console holds an error")]
fn an_error_on_the_console_is_noticed() {
    visit(&page(), async |page| {
        page.run("setTimeout(() => { throw new Error('a control') }, 0)")
            .await;
    });
}

#[test]
#[should_panic(expected = "the console holds an error")]
fn a_script_from_elsewhere_is_refused() {
    visit(&page(), async |page| {
        page.run("const s = document.createElement('script'); s.textContent = 'window.owned = 6'; document.body.append(s)").await;
        assert_eq!(page.run("return window.owned ?? null").await, json!(null));
    });
}
