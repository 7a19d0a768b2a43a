import test from 'ava';
import {runInApp, type Files} from '../support/buildpack-scripts.ts';

const prints = test.macro(async (t, {buildpack, script, files, expected}: {buildpack: string; script: string; files: Files; expected: string}) => {
  t.is((await runInApp(buildpack, {script, files})).output, expected);
});

/** What the stack has is named here, so that no compiler is needed. */
const CHECK_GO = 'source $BUILDPACK/lib/common.sh; source $BUILDPACK/lib/version.sh; go_version() { echo 1.24.4; }; check_version 2>&1 | tail -n 1';

test('an app with a go.mod is Go', prints, {buildpack: 'go', script: '$BUILDPACK/bin/detect .', files: {'go.mod': ''}, expected: 'Go'});
test('a Go that is as old as the go line allows is taken', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': 'module a\n\ngo 1.24.4\n'}, expected: '-----> Using Go 1.24.4 (Debian package golang-go)'});
test('an older go line is no reason for words', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': 'go 1.9\n'}, expected: '-----> Using Go 1.24.4 (Debian package golang-go)'});
test('a go line that asks for more is refused', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': 'go 1.25\n'}, expected: ' !     lower the go line of go.mod (go mod edit -go=1.24) if the app does not need more, or build it with a Dockerfile'});
test('a newer toolchain is a suggestion only', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': 'go 1.24\ntoolchain go1.25.1\n'}, expected: ' !     go.mod suggests the toolchain go1.25.1: building with Go 1.24.4, which its go line allows'});
test('Heroku’s goVersion for the Go that there is needs no words', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': '// +heroku goVersion go1.24\ngo 1.22\n'}, expected: '-----> Using Go 1.24.4 (Debian package golang-go)'});
test('Heroku’s goVersion for an older Go is told', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': '// +heroku goVersion go1.22\ngo 1.22\n'}, expected: ' !     the app asks for go1.22 (goVersion): building with Go 1.24.4, which builds modules of older versions as these did'});
test('Heroku’s goVersion for a newer Go is refused', prints, {buildpack: 'go', script: CHECK_GO, files: {'go.mod': '// +heroku goVersion 1.26\ngo 1.22\n'}, expected: ' !     the app asks for go1.26 (goVersion), and the stack has Go 1.24.4: ask for that, or build it with a Dockerfile'});

const READ_RUST = 'source $BUILDPACK/lib/version.sh; read_wish; echo "$CHANNEL|$CHANNEL_BY|$LEAST"';

test('an app with a Cargo.toml is Rust', prints, {buildpack: 'rust', script: '$BUILDPACK/bin/detect .', files: {'Cargo.toml': ''}, expected: 'Rust'});
test('an app that asks for no Rust gets Debian’s', prints, {buildpack: 'rust', script: '$BUILDPACK/bin/packages . /nowhere', files: {'Cargo.toml': '[package]\n'}, expected: 'build rustc cargo'});
test('an app that asks for a newer Rust gets the one that browsers are built with', prints, {buildpack: 'rust', script: '$BUILDPACK/bin/packages . /nowhere', files: {'Cargo.toml': '[package]\nrust-version = "1.88"\n'}, expected: 'build rustc-web cargo-web'});
test('bindings of a C library come with the library', prints, {buildpack: 'rust', script: '$BUILDPACK/bin/packages . /nowhere', files: {'Cargo.toml': '', 'Cargo.lock': '[[package]]\nname = "pq-sys"\nversion = "0.7.0"\n'}, expected: 'build rustc cargo\nbuild libpq-dev\nrun libpq5'});
test('a rust-toolchain of the old form is a channel', prints, {buildpack: 'rust', script: READ_RUST, files: {'Cargo.toml': '', 'rust-toolchain': '1.80.0\n'}, expected: '1.80.0|rust-toolchain|1.80.0'});
test('a rust-toolchain.toml names its channel', prints, {buildpack: 'rust', script: READ_RUST, files: {'Cargo.toml': 'rust-version = "1.70"', 'rust-toolchain.toml': '[toolchain]\nchannel = "stable"\n'}, expected: 'stable|rust-toolchain.toml|1.70'});

const KIND = 'source $BUILDPACK/lib/kind.sh; kind_of_app';

test('an app with a pom.xml is built with Maven, though it has other sources', prints, {buildpack: 'java', script: KIND, files: {'pom.xml': '', 'Main.java': ''}, expected: 'maven'});
test('an app with a gradlew is built with Gradle', prints, {buildpack: 'java', script: KIND, files: {gradlew: '', 'build.gradle.kts': ''}, expected: 'gradle'});
test('a jar at the root is an app', prints, {buildpack: 'java', script: KIND, files: {'shop.jar': ''}, expected: 'jar'});
test('so is a war, as Spring Boot makes them', prints, {buildpack: 'java', script: KIND, files: {'shop.war': ''}, expected: 'jar'});
test('an app without any of these is no Java', prints, {buildpack: 'java', script: '$BUILDPACK/bin/detect . || echo no', files: {'src/A.java': ''}, expected: 'no'});

const wants = (properties: string, expected: string) => ({buildpack: 'java', script: 'source $BUILDPACK/lib/kind.sh; wanted_java', files: {'system.properties': properties}, expected});

test('system.properties names a major version', prints, wants('java.runtime.version=25\n', '25'));
test('of a version in full the first number counts', prints, wants('java.runtime.version = 21.0.5\n', '21'));
test('a version as Java counted before 9', prints, wants('java.runtime.version=1.8\n', '8'));
test('a distribution that Heroku has is of no matter', prints, wants('java.runtime.version=zulu-17.0.1\n', '17'));
test('without a word the older of the two is taken', prints, wants('maven.version=3.9.9\n', '21'));
test('Java 25 is built and run with Java 25', prints, {buildpack: 'java', script: '$BUILDPACK/bin/packages . /nowhere', files: {gradlew: '', 'system.properties': 'java.runtime.version=25'}, expected: 'build openjdk-25-jdk-headless\nrun openjdk-25-jre-headless'});
test('Maven comes from Debian where there is no wrapper', prints, {buildpack: 'java', script: '$BUILDPACK/bin/packages . /nowhere', files: {'pom.xml': ''}, expected: 'build openjdk-21-jdk-headless\nrun openjdk-21-jre-headless\nbuild maven'});

test('an app that has a Procfile and nothing else is one', prints, {buildpack: 'procfile', script: '$BUILDPACK/bin/detect .', files: {Procfile: ''}, expected: 'Procfile'});
