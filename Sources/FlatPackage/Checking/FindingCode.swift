/// The codes of findings. Programs rely on them: one that is out in the world is never given another meaning.
enum FindingCode: String, CaseIterable {
    // The archive.
    case tableChecksum = "toc-checksum"
    case tableChecksumStyle = "toc-checksum-style"
    case archivedChecksum = "archived-checksum"
    case extractedChecksum = "extracted-checksum"
    case missingChecksum = "missing-checksum"
    case memberSize = "member-size"
    case memberType = "member-type"
    case heapOverlap = "heap-overlap"
    case heapGap = "heap-gap"
    case strayBytes = "stray-bytes"
    case signatureNotVerified = "signature-not-verified"
    case exceedsLimit = "exceeds-limit"
    case unsupported

    // A component's documents.
    case formatVersion = "format-version"
    case authorization
    case installLocation = "install-location"
    case version
    case relocatable
    case numberOfFiles = "number-of-files"
    case installKBytes = "install-kbytes"

    // The payload and its bill.
    case billMissing = "bom-missing"
    case payloadMissing = "payload-missing"
    case payloadNotExamined = "payload-not-examined"
    case payloadNotCompressed = "payload-not-compressed"
    case payloadTrailingBytes = "payload-trailing-bytes"
    case payloadPath = "payload-path"
    case payloadDuplicate = "payload-duplicate"
    case payloadOrder = "payload-order"
    case payloadType = "payload-type"
    case payloadInode = "payload-inode"
    case payloadLinkCount = "payload-link-count"
    case billPaths = "bom-payload-paths"
    case billType = "bom-payload-type"
    case billMode = "bom-payload-mode"
    case billOwner = "bom-payload-owner"
    case billGroup = "bom-payload-group"
    case billSize = "bom-payload-size"
    case billChecksum = "bom-payload-checksum"
    case billLink = "bom-payload-link"

    // What would be installed.
    case setUserID = "set-user-id"
    case writableByOthers = "writable-by-others"
    case launchdPlist = "launchd-plist"
    case privateFile = "private-file"
    case symlinkAbsolute = "symlink-absolute"
    case symlinkLeavesLocation = "symlink-leaves-location"
    case notMachO = "not-mach-o"
    case pathInTwoComponents = "path-in-two-components"
    case folderDiffers = "folder-differs"

    // The scripts.
    case scriptsMissing = "scripts-missing"
    case scriptMissing = "script-missing"
    case scriptNotListed = "script-not-listed"
    case scriptNotExecutable = "script-not-executable"
    case scriptInterpreter = "script-interpreter"

    // The product.
    case missingHostArchitectures = "missing-host-architectures"
    case distributionReference = "distribution-reference"
    case distributionIdentifier = "distribution-identifier"
    case distributionVersion = "distribution-version"
    case distributionInstallKBytes = "distribution-install-kbytes"
    case distributionChoice = "distribution-choice"
    case distributionResource = "distribution-resource"
    case unreferencedComponent = "unreferenced-component"

    /// What `.malformed` errors become.
    static func malformed(_ part: PackagePart) -> String { "malformed-" + part.rawValue }
}

extension PackageFinding {
    /// Every code that a finding can have.
    public static var codes: [String] {
        FindingCode.allCases.map(\.rawValue) + PackagePart.allCases.map(FindingCode.malformed)
    }
}
