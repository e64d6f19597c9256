//! One file per format with a known sentence, and files that are broken, locked or hostile.
//! `tests/make-data.py` wrote what is in `tests/data/`; the rest is made here.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use semantik_core::document::{ExtractedText, PageState, SkipReason, TextKind};
use semantik_ingest::IngestError;
use semantik_ingest::extract::{Extracted, ExtractorPool, Limits, Member, Outcome, PoolOptions, Request};
use tokio_util::sync::CancellationToken;

const SENTENCE: &str = "The patient heron waits beside the silver river.";

struct Desk {
    folder: tempfile::TempDir,
    pool: ExtractorPool,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            PoolOptions::of_this_program(folder.path().join("scratch"), limits, 2).expect("the program has a name");
        let command = env!("CARGO_BIN_EXE_semantik-extract-child").into();
        let pool = ExtractorPool::new(PoolOptions { command, args: Vec::new(), ..options });
        Self { folder, pool }
    }

    async fn read(&self, path: PathBuf, depth: u8) -> Result<Extracted, IngestError> {
        let name = path.file_name().expect("has a name").to_string_lossy().into_owned();
        self.pool.extract(Request { path, name, depth, careful: false }, &CancellationToken::new()).await
    }

    async fn data(&self, name: &str) -> Result<Extracted, IngestError> {
        self.read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name), 0).await
    }

    async fn bytes(&self, name: &str, bytes: &[u8]) -> Result<Extracted, IngestError> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("can write");
        self.read(path, 0).await
    }
}

fn text(result: Result<Extracted, IngestError>) -> ExtractedText {
    match result.expect("is extracted").outcome {
        Outcome::Text(text) => text,
        Outcome::Skipped { policy, message } => panic!("skipped for {policy}: {message}"),
    }
}

fn skipped(result: Result<Extracted, IngestError>) -> SkipReason {
    match result.expect("is extracted").outcome {
        Outcome::Text(text) => panic!("has text: {}", text.text),
        Outcome::Skipped { policy, .. } => policy,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_office_format_gives_its_sentence() {
    let desk = Desk::new(Limits::default());
    for name in [
        "heron.docx",
        "heron.xlsx",
        "heron.xls",
        "heron.pptx",
        "heron.odt",
        "heron.ods",
        "heron.odp",
        "heron.epub",
        "heron.pdf",
    ] {
        let text = text(desk.data(name).await);
        assert!(text.text.contains(SENTENCE), "{name}: {:?}", text.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_pages_slides_and_sheets() {
    let desk = Desk::new(Limits::default());
    for name in ["heron.pdf", "heron.pptx", "heron.xlsx", "heron.xls", "heron.odp"] {
        let text = text(desk.data(name).await);
        let page = text.pages.get(1).unwrap_or_else(|| panic!("{name} has pages"));
        assert_eq!((page.number, page.state), (2, PageState::Text), "{name}");
        assert!(text.text[page.start..page.end].contains(SENTENCE), "{name}: {:?}", &text.text[page.start..page.end]);
    }
    let pdf = text(desk.data("heron.pdf").await);
    assert_eq!(pdf.title.as_deref(), Some("Heron report"));
    assert_eq!(pdf.pages.len(), 3);
    assert_eq!(pdf.pages[2].state, PageState::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_document_keeps_headings_and_loses_markup() {
    let desk = Desk::new(Limits::default());
    let text = text(desk.data("heron.docx").await);
    let headings: Vec<_> = text.headings.iter().map(|heading| (heading.level, heading.text.as_str())).collect();
    assert_eq!(headings, [(1, "Birds"), (2, "Herons")]);
    assert!(text.text.contains("a < b > c & d"), "{:?}", text.text);
    assert!(text.text[text.headings[1].start..].starts_with("Herons"));
    assert!(!text.text.contains('#') && !text.text.contains('|'), "{:?}", text.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_and_locked_files_say_so_and_cost_nothing_else() {
    let desk = Desk::new(Limits::default());
    for name in ["broken.pdf", "truncated.docx"] {
        let result = desk.data(name).await;
        assert!(matches!(result, Err(IngestError::Broken(_))), "{name}: {result:?}");
    }
    for name in ["encrypted.pdf", "encrypted.zip"] {
        assert_eq!(skipped(desk.data(name).await), SkipReason::Encrypted, "{name}");
    }
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";
    assert!(matches!(skipped(desk.bytes("a.png", picture).await), SkipReason::NoOcr | SkipReason::NoText));
    let noise: Vec<u8> = (0..9_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    assert_eq!(skipped(desk.bytes("a.txt", &noise).await), SkipReason::UnsupportedFormat);
    assert_eq!(skipped(desk.bytes("b.txt", b" \n\n").await), SkipReason::NoText);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_every_encoding_comes_out_the_same() {
    let desk = Desk::new(Limits::default());
    let german = "Der Fluß fließt träge, der Reiher übt Geduld. Später wird es kühl.";
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(german);
    assert_eq!(text(desk.bytes("latin.txt", &latin).await).text, german);
    let japanese = "青鷺は銀色の川のほとりで静かに待っている。それはとても忍耐強い。";
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(japanese);
    assert_eq!(text(desk.bytes("sjis.txt", &sjis).await).text, japanese);
    let wide: Vec<u8> = format!("\u{feff}{SENTENCE}\r\nline").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(text(desk.bytes("wide.txt", &wide).await).text, format!("{SENTENCE}\nline"));
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_and_data_keep_their_words() {
    let desk = Desk::new(Limits::default());
    let html = format!(
        "<!doctype html><html><head><title>T</title><style>p{{}}</style></head><body><h1>Birds</h1><p>{SENTENCE}</p><script>no()</script></body></html>"
    );
    let html = text(desk.bytes("a.html", html.as_bytes()).await);
    assert!(html.text.contains(SENTENCE) && !html.text.contains("no()"), "{:?}", html.text);
    assert_eq!(html.headings.first().map(|heading| heading.text.as_str()), Some("Birds"));
    let rtf = format!("{{\\rtf1\\ansi {{\\b Birds}}\\par {SENTENCE}\\par}}");
    assert!(text(desk.bytes("a.rtf", rtf.as_bytes()).await).text.contains(SENTENCE));
    let xml = format!("<?xml version=\"1.0\"?><r><a>one</a><b>{SENTENCE}</b></r>");
    assert!(text(desk.bytes("a.xml", xml.as_bytes()).await).text.contains(SENTENCE));
    let markdown = text(desk.bytes("a.md", format!("# Birds\r\n\r\n{SENTENCE}\r\n").as_bytes()).await);
    assert_eq!(
        (markdown.text.as_str(), markdown.kind),
        (format!("# Birds\n\n{SENTENCE}\n").as_str(), TextKind::Markdown)
    );
    let csv = text(desk.bytes("a.csv", format!("id,text\n1,{SENTENCE}\n").as_bytes()).await);
    assert_eq!((csv.mime.as_str(), csv.kind), ("text/csv", TextKind::Table));
    let code = text(desk.bytes("a.rs", format!("// {SENTENCE}\nfn main() {{}}\n").as_bytes()).await);
    assert_eq!((code.mime.as_str(), code.kind), ("text/x-rust", TextKind::Code));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_gives_text_and_attachments() {
    let desk = Desk::new(Limits::default());
    let mail = format!(
        "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: Birds\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{SENTENCE}\r\n\
         --b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"../note.txt\"\r\n\r\ninner note\r\n--b--\r\n"
    );
    let extracted = desk.bytes("mail", mail.as_bytes()).await.expect("is read");
    assert_eq!(extracted.members.len(), 1);
    assert_eq!(
        (extracted.members[0].name.as_str(), extracted.members[0].bytes.as_slice()),
        ("note.txt", b"inner note".as_slice())
    );
    let text = text(Ok(extracted));
    assert!(text.text.contains(SENTENCE) && text.text.contains("Ann <ann@example.org>"), "{:?}", text.text);
    assert_eq!(text.title.as_deref(), Some("Birds"));
}

/// An Outlook message as MS-OXMSG lays it out: one stream per property in a compound file.
fn outlook(properties: &[(&str, &str)], attachment: (&str, &[u8])) -> Vec<u8> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).expect("can begin");
    let mut add = |path: String, bytes: &[u8]| {
        file.create_storage_all(Path::new(&path).parent().expect("is absolute")).expect("can add");
        file.create_stream(&path).expect("can add").write_all(bytes).expect("can write");
    };
    let mut list = vec![0; 32];
    // One attachment, and the one to come is number 1.
    (list[12], list[20]) = (1, 1);
    for (tag, value) in properties {
        let (kind, bytes) = (u32::from_str_radix(tag, 16).expect("hexadecimal"), utf16(value));
        list.extend(kind.to_le_bytes());
        list.extend([6, 0, 0, 0]);
        list.extend((bytes.len() as u64 + 2).to_le_bytes());
        add(format!("/__substg1.0_{tag}"), &bytes);
    }
    add("/__properties_version1.0".to_owned(), &list);
    let folder = "/__attach_version1.0_#00000000";
    add(format!("{folder}/__substg1.0_3707001F"), &utf16(attachment.0));
    add(format!("{folder}/__substg1.0_37010102"), attachment.1);
    add(format!("{folder}/__properties_version1.0"), &[0; 8]);
    file.into_inner().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outlook_message_gives_text_and_attachments() {
    let desk = Desk::new(Limits::default());
    let properties =
        [("001A001F", "IPM.Note"), ("0037001F", "Birds"), ("0C1A001F", "Ann Heron"), ("1000001F", SENTENCE)];
    let message = outlook(&properties, ("note.txt", b"inner note"));
    let extracted = desk.bytes("no-extension", &message).await.expect("is read");
    let members: Vec<_> = extracted.members.iter().map(|m| (m.name.as_str(), m.bytes.as_slice())).collect();
    assert_eq!(members, [("note.txt", b"inner note".as_slice())]);
    let text = text(Ok(extracted));
    assert_eq!(text.mime, "application/vnd.ms-outlook");
    assert!(text.text.contains(SENTENCE) && text.text.contains("Birds"), "{:?}", text.text);
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("can add");
        writer.write_all(bytes).expect("can write");
    }
    writer.finish().expect("can finish").into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("can write");
    encoder.finish().expect("can finish")
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_give_their_members_with_sane_names() {
    let desk = Desk::new(Limits::default());
    let check = |result: Result<Extracted, IngestError>, expect: &[&str]| {
        let extracted = result.expect("is read");
        let names: Vec<&str> = extracted.members.iter().map(|member: &Member| member.name.as_str()).collect();
        assert_eq!(names, expect);
        assert!(extracted.members.iter().any(|member| member.bytes == SENTENCE.as_bytes()));
        assert!(text(Ok(extracted.clone())).text.contains(expect[0]));
    };
    let sentence = SENTENCE.as_bytes();
    check(
        desk.bytes("a.zip", &zip(&[("../x/a.txt", sentence), ("x/a.txt", b"two"), ("/b.txt", b"3")])).await,
        &["x/a.txt", "x/a.txt (2)", "b.txt"],
    );
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(sentence.len() as u64);
    builder.append_data(&mut header, "inner/a.txt", sentence).expect("can add");
    let tar = builder.into_inner().expect("can finish");
    check(desk.bytes("a.tar", &tar).await, &["inner/a.txt"]);
    check(desk.bytes("a.tgz", &gzip(&tar)).await, &["inner/a.txt"]);
    check(desk.bytes("a.txt.gz", &gzip(sentence)).await, &["a.txt"]);
    check(desk.data("heron.7z").await, &["inner/heron.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_and_deep_nests_left_alone() {
    let desk = Desk::new(Limits { members: 100, ..Limits::default() });
    let zeros = vec![0; 100 << 20];
    let bomb = zip(&[("zeros", zeros.as_slice())]);
    assert!(matches!(desk.bytes("bomb.zip", &bomb).await, Err(IngestError::Bomb(_))));
    assert!(matches!(desk.bytes("bomb.gz", &gzip(&zeros)).await, Err(IngestError::Bomb(_))));
    let names: Vec<String> = (0..101).map(|number| format!("{number}.txt")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
    assert!(matches!(desk.bytes("many.zip", &zip(&many)).await, Err(IngestError::Bomb(_))));
    let path = desk.folder.path().join("deep.txt");
    std::fs::write(&path, SENTENCE).expect("can write");
    assert_eq!(skipped(desk.read(path, 3).await), SkipReason::NestedTooDeep);
}
