import System
import Testing

@testable import Configuration

@Suite("The name of a setting") struct SettingNameTests {
    @Test("is suggested for any single change of it that is not near another one", arguments: SettingNames.words)
    func suggestion(_ name: String) {
        #expect(NearestName.of(name, among: SettingNames.words) == name)
        #expect(NearestName.of(name + "q", among: [name]) == name)
        #expect(NearestName.of(String(name.dropFirst()), among: [name]) == name)
    }
}
