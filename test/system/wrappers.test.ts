import {mkdtemp, readFile, rm, writeFile, copyFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {execa} from 'execa';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';
import {bridgeAddress, buildpackHost, type BuildpackHost} from '../support/buildpack-host.ts';

// The wrappers are real, and so is what they do: fetch an archive, unpack it where builds keep things, start what is in it. Maven is Debian's own, packed
// as its distribution is. Of Gradle there is none that today's Java runs: what stands for it takes a compiler's place and nothing else.

const WRAPPERS = path.join(import.meta.dirname, '..', 'fixtures', 'wrappers');
const MINUTES = 60_000;
const GRADLE = `package org.gradle.launcher;

public class GradleMain {
    public static void main(String[] words) throws Exception {
        System.out.println("Gradle's place is taken for: " + String.join(" ", words));
        String script = "mkdir -p build/classes build/libs && javac -d build/classes src/main/java/shop/Main.java"
            + " && jar --create --date 2026-01-01T00:00:00Z --file build/libs/shop.jar --main-class shop.Main -C build/classes .";
        System.exit(new ProcessBuilder("sh", "-c", script).inheritIO().start().waitFor());
    }
}
`;
/** The packages of the fixture java-maven: they are there when the tests of languages have run. */
const PACKAGES = ['libmaven-clean-plugin-java', 'libmaven-compiler-plugin-java', 'libmaven-jar-plugin-java', 'libmaven-resources-plugin-java', 'libsurefire-java', 'maven', 'openjdk-21-jdk-headless'];

let trial: BuildTrial;
let host: BuildpackHost;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  trial = await buildTrial({packages: 'kept'});
  host = await buildpackHost(await bridgeAddress(trial.docker));
  await packDistributions();
});

test.after.always(async () => {
  await host?.[Symbol.asyncDispose]();
  await trial?.clean();
});

async function packDistributions(): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-distributions-'));
  try {
    await writeFile(path.join(folder, 'GradleMain.java'), GRADLE);
    const image = await trial.packageImages.image({base: trial.buildImage, packages: PACKAGES, print: () => {}}, AbortSignal.timeout(5 * MINUTES));
    const script = `cd "$(mktemp -d)" && mkdir -p gradle-8.14.3/lib classes
javac -d classes /packed/GradleMain.java && jar --create --file gradle-8.14.3/lib/gradle-launcher-8.14.3.jar -C classes .
cp --recursive --dereference /usr/share/maven apache-maven-3.9.9 || true # Of its links one leads nowhere, to a transport that is for networks.
zip --quiet --recurse-paths /packed/gradle-8.14.3-bin.zip gradle-8.14.3
zip --quiet --recurse-paths /packed/apache-maven-3.9.9-bin.zip apache-maven-3.9.9`;
    await execa('docker', ['run', '--rm', '--network=none', '--user=0', `--volume=${folder}:/packed`, '--entrypoint=bash', image, '-euc', script]);
    for (const name of ['gradle-8.14.3-bin.zip', 'apache-maven-3.9.9-bin.zip']) await copyFile(path.join(folder, name), path.join(host.root, name));
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

const main = () => readFile(path.join(WRAPPERS, '..', 'apps', 'java-maven', 'src', 'main', 'java', 'shop', 'Main.java'), 'utf8');

test.serial('an app with Gradle\'s wrapper is built by what the wrapper fetches, once for all builds', async (t) => {
  t.timeout(5 * MINUTES);
  const changes = {
    gradlew: await readFile(path.join(WRAPPERS, 'gradlew'), 'utf8'),
    'gradle/wrapper/gradle-wrapper.jar': await readFile(path.join(WRAPPERS, 'gradle-wrapper.jar')),
    'gradle/wrapper/gradle-wrapper.properties': `distributionBase=GRADLE_USER_HOME\ndistributionPath=wrapper/dists\nzipStoreBase=GRADLE_USER_HOME\nzipStorePath=wrapper/dists\ndistributionUrl=${host.url.replace(':', '\\:')}/gradle-8.14.3-bin.zip\n`,
    'build.gradle': 'plugins { id "application" }\n',
    'src/main/java/shop/Main.java': await main(),
  };
  const first = await trial.buildWell({fixture: 'no-buildpack', app: 'gradle', changes});
  const text = first.lines.join('\n');
  t.regex(text, /Downloading http:\/\/\S+\/gradle-8\.14\.3-bin\.zip/);
  t.regex(text, /Gradle's place is taken for: build -x check/);
  t.regex(text, /Found build\/libs\/shop\.jar/);
  t.is((await trial.serve(first)).body, 'hello from java-maven /\n');
  const again = await trial.buildWell({fixture: 'no-buildpack', app: 'gradle', changes});
  t.notRegex(again.lines.join('\n'), /Downloading/);
  t.is(again.image, first.image);
});

test.serial('an app with Maven\'s wrapper is built by the Maven that the wrapper fetches, once for all builds', async (t) => {
  t.timeout(5 * MINUTES);
  const changes = {
    mvnw: await readFile(path.join(WRAPPERS, 'mvnw'), 'utf8'),
    '.mvn/wrapper/maven-wrapper.properties': `wrapperVersion=3.3.1\ndistributionUrl=${host.url}/apache-maven-3.9.9-bin.zip\n`,
  };
  const build = (env = {}) => trial.buildWell({fixture: 'java-maven', app: 'mvnw', changes, env: {MVNW_VERBOSE: 'true', ...env}});
  const first = await build();
  t.regex(first.lines.join('\n'), /\$ \.\/mvnw -DskipTests clean package[^]*Downloading from: http[^]*Found target\/shop-1\.0\.jar/);
  t.is((await trial.serve(first)).body, 'hello from java-maven /\n');
  const again = await build();
  t.regex(again.lines.join('\n'), /found existing MAVEN_HOME at/);
  t.is(again.image, first.image);
});

test.serial('a distribution that is out of reach is the reason that the pusher sees', async (t) => {
  t.timeout(5 * MINUTES);
  const mvnw = await readFile(path.join(WRAPPERS, 'mvnw'), 'utf8');
  const {reason, lines} = await trial.buildBadly({fixture: 'java-maven', app: 'far', changes: {mvnw, '.mvn/wrapper/maven-wrapper.properties': `distributionUrl=${host.url}/absent-bin.zip\n`}});
  t.is(reason, 'failed to compile Java app');
  t.regex(lines.join('\n'), /Failed to build app with Maven: the wrapper could not download Maven/);
});
