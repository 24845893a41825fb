import JSON
import System
import Terminal

/// Where results and remarks go: results to standard output, everything else to standard error.
struct Console: Sendable {
    let palette: Palette
    let errorPalette: Palette

    /// A line, or several, of the result.
    func print(_ text: String) { StandardStream.output.write(text.utf8.last == 0x0A ? text : text + "\n") }

    /// One JSON document, or one of a stream, on a line of its own.
    func print(_ document: JSONValue) { print(document.text()) }

    /// A remark beside the result.
    func note(_ text: String) { StandardStream.error.write("pkgmill: \(text)\n") }

    /// A remark that asks for attention.
    func warn(_ text: String) { StandardStream.error.write("pkgmill: \(errorPalette.warning("warning:")) \(text)\n") }

    /// What went wrong; several lines where several things did.
    func fail(_ error: any Error) {
        let hint = error is UsageError ? "\npkgmill: 'pkgmill help' lists the commands and their options" : ""
        StandardStream.error.write("pkgmill: \(errorPalette.bad("error:")) \(error)\(hint)\n")
    }
}
