import Artifacts
import Crypto
import System

/// The page behind a short link. A download begins when its button is pressed, since whatever looks at links before a person
/// does, and there is much of that, presses none.
enum LandingPage {
    /// The page for a link that leads to `artifact`.
    static func text(_ artifact: PublishedArtifact, until expires: Timestamp) -> String {
        let name = escaped(artifact.fileName)
        return page(
            title: name,
            """
            <h1>\(name)</h1>
            <p>An installer for a Mac that is to join the cluster.</p>
            <form method="post"><button>Download \(escaped(Printable.byteCount(artifact.content.byteCount)))</button></form>
            <dl><dt>SHA-256</dt><dd><code>\(artifact.content.digest.hex)</code></dd>
            <dt>This link is good until</dt><dd><time datetime="\(expires)">\(expires.wholeSecondsText)</time></dd></dl>
            """)
    }

    /// The page for a link that leads nowhere: nobody is told whether it ever led anywhere.
    static let nowhere = page(
        title: "Nothing here",
        """
        <h1>There is nothing here</h1>
        <p>The link is over, was revoked, or has a typing error. Ask whoever sent it for a new one.</p>
        """)

    /// What may be done on these pages: to show them as they came, and to press their button.
    static let policy =
        "default-src 'none'; style-src 'sha256-\(Base64.encode(SHA256Digest(of: Array(style.utf8)).bytes))'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    private static let style = """
        :root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
        body { max-width: 40rem; margin: 3rem auto; padding: 0 1.25rem; }
        h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
        button { font: inherit; font-weight: 600; padding: .7rem 1.4rem; border-radius: .5rem; border: 0;
          background: #0b57d0; color: #fff; cursor: pointer; }
        button:hover { background: #0842a0; }
        button:focus-visible { outline: 3px solid; outline-offset: 3px; }
        dt { margin-top: 1rem; font-weight: 600; }
        dd { margin: 0; overflow-wrap: anywhere; }
        """

    private static func page(title: String, _ content: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
        <style>\(style)</style></head>
        <body><main>
        \(content)
        </main></body></html>

        """
    }

    /// Text as it stands in HTML, in content and in quoted attributes.
    static func escaped(_ text: String) -> String {
        var output = ""
        for scalar in Printable.text(text, limit: 300).unicodeScalars {
            switch scalar {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}
