import Crypto
import FlatPackage
import System

/// One walk through a payload's folder, depth first, the names of a folder in byte order.
///
/// A problem does not end the walk: the operator learns of all of them at once. From the first one on files are only
/// opened and no longer read, since nothing will be made of them.
struct PayloadScanner {
    private let root: Directory
    private let limits: PayloadLimits
    private let forbidden: [FileKey: String]
    private let digests: FileDigests?
    private let digest = PayloadDigest()
    private var entries: [ArchiveEntry] = []
    private var visitedCount = 1
    private var byteCount: Int64 = 0
    private var leftOut = Shown<String>()
    private var problems = Shown<PayloadProblem>()
    /// What is there and is not packed, for a problem of its own or of another.
    private var passedBy: Set<[UInt8]> = []
    /// The first name of every file that has several.
    private var namesOfLinkedFiles: [FileKey: String] = [:]

    /// A walk below `root`. The files and folders of `forbidden` must not be met; each is named as its owner calls it.
    init(_ root: Directory, limits: PayloadLimits, forbidden: [FileKey: String], digests: FileDigests?) {
        self.root = root
        self.digests = digests
        self.limits = limits
        self.forbidden = forbidden
    }

    /// Walks the whole folder; once.
    mutating func scan() throws(PayloadError) -> Payload {
        let status: FileStatus
        do { status = try root.status() } catch { throw .unreadable(folder: folderText, error: error) }
        let place = Place(path: [], depth: 0)
        if mayLieInside(status, place) {
            checkBits(status, place)
            try walk(root, status, place, above: [])
        }
        checkLinks()
        guard problems.count == 0 else {
            throw .refused(folder: folderText, problems: problems.first, count: problems.count)
        }
        return try payload()
    }

    private mutating func payload() throws(PayloadError) -> Payload {
        var fileCount = 0
        var folderCount = 0
        var linkCount = 0
        for entry in entries {
            switch entry.content {
            case .file: fileCount += 1
            case .directory: folderCount += 1
            case .symbolicLink: linkCount += 1
            }
        }
        guard fileCount > 0 else { throw .empty(folder: folderText) }
        return Payload(
            folder: root.path, entries: entries, digest: digest.finish(), fileCount: fileCount,
            folderCount: folderCount, linkCount: linkCount, byteCount: byteCount, leftOut: leftOut.first,
            leftOutCount: leftOut.count)
    }

    private var folderText: String { Printable.text(root.path, limit: 1024) }
}

/// The first twenty of a kind, and how many there are: enough to act on, however large the payload is.
private struct Shown<Element> {
    private(set) var first: [Element] = []
    private(set) var count = 0

    mutating func add(_ element: Element) {
        if first.count < 20 { first.append(element) }
        count += 1
    }
}

/// A path below the payload; empty for the payload itself.
private struct Place {
    let path: [UInt8]
    let depth: Int

    /// For people.
    var text: String { path.isEmpty ? "." : Printable.text(path, limit: 1024) }

    func below(_ name: [UInt8]) -> Place {
        Place(path: path.isEmpty ? name : path + [UInt8(ascii: "/")] + name, depth: depth + 1)
    }
}

// MARK: - The walk

extension PayloadScanner {
    /// Takes `folder` and what is in it. `above` are the folders that hold it.
    private mutating func walk(
        _ folder: Directory, _ status: FileStatus, _ place: Place, above: [FileKey]
    ) throws(PayloadError) {
        entries.append(ArchiveEntry(path: place.path, mode: 0o755, content: .directory))
        digest.add(directory: place.path, mode: 0o755)
        let names: [[UInt8]]
        do {
            names = try folder.entries(limit: limits.entryCount - visitedCount)
        } catch {
            if error.isTooMany { throw tooMany }
            if place.path.isEmpty { throw .unreadable(folder: folderText, error: error) }
            return refuse(.unreadable(path: place.text, error: error), place)
        }
        var keys: [String: String] = [:]
        let holders = above + [FileKey(status)]
        for name in names {
            guard visitedCount < limits.entryCount else { throw tooMany }
            visitedCount += 1
            try visit(name, in: folder, place.below(name), holders, &keys)
        }
        // Names that came or went while we were at it change the folder itself.
        guard let now = attempt(place, { () throws(SystemError) in try folder.status() }) else { return }
        if FileIdentity(now) != FileIdentity(status) { refuse(.changed(path: place.text), place) }
    }

    private mutating func visit(
        _ name: [UInt8], in folder: Directory, _ place: Place, _ holders: [FileKey], _ keys: inout [String: String]
    ) throws(PayloadError) {
        guard let found = attempt(place, { () throws(SystemError) in try folder.status(of: name) }) else { return }
        guard let status = found else { return refuse(.changed(path: place.text), place) }
        guard !PayloadNames.isCompanion(name) else { return leaveOut(status, place) }
        guard mayLieInside(status, place), hasFittingPath(place) else { return }
        checkName(name, place, &keys)
        switch status.kind {
        case .directory: try enter(name, in: folder, status, place, holders)
        case .regular:
            checkBits(status, place)
            takeFile(name, in: folder, status, place)
        case .symbolicLink: takeLink(name, in: folder, place)
        case .socket, .fifo, .characterDevice, .blockDevice, .other:
            refuse(.unpackable(path: place.text, kind: status.kind), place)
        }
    }

    private mutating func enter(
        _ name: [UInt8], in folder: Directory, _ status: FileStatus, _ place: Place, _ holders: [FileKey]
    ) throws(PayloadError) {
        checkBits(status, place)
        let opened = attempt(place) { () throws(SystemError) in
            let inner = try folder.directory(name)
            return (folder: inner, status: try inner.status())
        }
        guard let opened else { return }
        guard FileKey(opened.status) == FileKey(status) else { return refuse(.changed(path: place.text), place) }
        guard !holders.contains(FileKey(status)) else { return refuse(.holdsItself(path: place.text), place) }
        try walk(opened.folder, opened.status, place, above: holders)
    }

    private mutating func takeFile(_ name: [UInt8], in folder: Directory, _ status: FileStatus, _ place: Place) {
        guard status.byteCount <= limits.fileByteCount else {
            let limit = limits.fileByteCount
            return refuse(.fileTooLarge(path: place.text, byteCount: status.byteCount, limit: limit), place)
        }
        // A file may have other names outside, as package managers' stores give it: it is copied. A second name inside
        // is refused, since it would become a second file, and a tree of many such names many times its size.
        if status.linkCount > 1 {
            if let other = namesOfLinkedFiles[FileKey(status)] {
                return refuse(.hardLink(path: place.text, other: other), place)
            }
            namesOfLinkedFiles[FileKey(status)] = place.text
        }
        guard let file = attempt(place, { () throws(SystemError) in try folder.openFile(name) }) else { return }
        guard problems.count == 0 else {
            passedBy.insert(place.path)
            return
        }
        do throws(ContentError) {
            try read(file, status, place)
        } catch {
            switch error {
            case .changed: refuse(.changed(path: place.text), place)
            case .system(let error): refuse(.unreadable(path: place.text, error: error), place)
            }
        }
    }

    private mutating func read(_ file: File, _ status: FileStatus, _ place: Place) throws(ContentError) {
        let identity = FileIdentity(status)
        let content = try digest(of: file, identity)
        let mode: UInt16 = status.mode & 0o100 == 0 ? 0o644 : 0o755
        let source = PayloadFile(root: root, path: place.path, identity: identity, digest: content)
        entries.append(ArchiveEntry(path: place.path, mode: mode, content: .file(source)))
        digest.add(file: place.path, mode: mode, byteCount: identity.byteCount, digest: content)
        byteCount += identity.byteCount
    }

    private func digest(of file: File, _ identity: FileIdentity) throws(ContentError) -> SHA256Digest {
        if let known = digests?.digest(of: identity) {
            // Opened all the same: a file system of other machines looks at the file anew for that.
            try ContentReader.check(file, identity)
            return known
        }
        let time = digests?.moment()
        let reader = try ContentReader(file, expecting: identity)
        while try reader.next() != nil {}
        let content = reader.digest()
        if let time { digests?.keep(content, of: identity, readAt: time) }
        return content
    }

    private mutating func takeLink(_ name: [UInt8], in folder: Directory, _ place: Place) {
        let read = attempt(place) { () throws(SystemError) in try folder.linkTarget(of: name) }
        guard let target = read else { return }
        guard target.count <= limits.pathByteCount else {
            let limit = limits.pathByteCount
            return refuse(.linkTooLong(path: place.text, byteCount: target.count, limit: limit), place)
        }
        entries.append(ArchiveEntry(path: place.path, mode: 0o755, content: .symbolicLink(target: target)))
        digest.add(link: place.path, mode: 0o755, target: target)
    }
}

// MARK: - The checks

extension PayloadScanner {
    private mutating func refuse(_ problem: PayloadProblem, _ place: Place) {
        problems.add(problem)
        passedBy.insert(place.path)
    }

    /// The result of `step`; nil, with the problem recorded, when the system refused it.
    private mutating func attempt<Result>(
        _ place: Place, _ step: () throws(SystemError) -> Result
    ) -> Result? {
        do {
            return try step()
        } catch {
            refuse(
                error.meansChange ? .changed(path: place.text) : .unreadable(path: place.text, error: error), place)
            return nil
        }
    }

    private var tooMany: PayloadError { .tooManyEntries(folder: folderText, limit: limits.entryCount) }

    private mutating func leaveOut(_ status: FileStatus, _ place: Place) {
        guard status.kind == .regular else {
            return refuse(.companionName(path: place.text, kind: status.kind), place)
        }
        leftOut.add(place.text)
    }

    private mutating func mayLieInside(_ status: FileStatus, _ place: Place) -> Bool {
        guard let own = forbidden[FileKey(status)] else { return true }
        refuse(.farmData(path: place.text, farmPath: Printable.text(own, limit: 1024)), place)
        return false
    }

    private mutating func checkBits(_ status: FileStatus, _ place: Place) {
        guard status.mode & 0o7000 != 0 else { return }
        refuse(.specialBits(path: place.text, mode: status.mode), place)
    }

    private mutating func hasFittingPath(_ place: Place) -> Bool {
        if place.depth > limits.depth {
            refuse(.tooDeep(path: place.text, limit: limits.depth), place)
        } else if place.path.count > limits.pathByteCount {
            let limit = limits.pathByteCount
            refuse(.pathTooLong(path: place.text, byteCount: place.path.count, limit: limit), place)
        } else {
            return true
        }
        return false
    }

    private mutating func checkName(_ name: [UInt8], _ place: Place, _ keys: inout [String: String]) {
        if name.count > limits.nameByteCount {
            let limit = limits.nameByteCount
            refuse(.nameTooLong(path: place.text, byteCount: name.count, limit: limit), place)
        }
        guard let text = String(validating: name, as: UTF8.self) else {
            return refuse(.nameNotUTF8(path: place.text), place)
        }
        if let scalar = PayloadNames.forbiddenScalar(in: text) {
            return refuse(.nameHolds(path: place.text, scalar: scalar), place)
        }
        let key = PayloadNames.key(text)
        if let other = keys[key] {
            refuse(.namesCollide(path: place.text, other: other), place)
        } else {
            keys[key] = place.text
        }
    }

    /// The links are looked at when everything else is known. They may lead to each other in any order.
    private mutating func checkLinks() {
        let found = entries.compactMap { entry -> (path: [UInt8], target: [UInt8])? in
            guard case .symbolicLink(let target) = entry.content else { return nil }
            return (entry.path, target)
        }
        guard !found.isEmpty else { return }
        let links = PayloadLinks(entries: entries, passedBy: passedBy)
        for (path, target) in found {
            let place = Place(path: path, depth: 0)
            let text = Printable.text(target, limit: 1024)
            switch links.fault(of: path, to: target) {
            case nil: continue
            case .leadsOut: refuse(.linkLeadsOut(path: place.text, target: text), place)
            case .dangles: refuse(.linkDangles(path: place.text, target: text), place)
            case .loops: refuse(.linkLoops(path: place.text, target: text), place)
            }
        }
    }
}
