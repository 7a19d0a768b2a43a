import test from 'ava';
import {keepsEngineContract} from '../../support/engine-contract.ts';
import {FakeEngine} from '../../support/fake-engine.ts';

keepsEngineContract(test, async () => {
  const engine = new FakeEngine();
  engine.addImage('sha256:contract', {stack: 'run'});
  return {
    engine,
    image: 'sha256:contract',
    imageLabel: 'stack=run',
    name: 'contract',
    subnet: '10.98.0.0',
    labels: {'contract.trial': 'ours'},
    otherLabels: {'contract.trial': 'others'},
    process: {command: ['run']},
    begun: async () => {},
    exit: async (id, exitCode) => engine.exit(id, exitCode),
    pause: async (id) => engine.tamper(id, {isPaused: true}),
    addImage: async (label) => {
      const [key = '', value = ''] = label.split('=', 2);
      engine.addImage('sha256:added', {[key]: value});
      return 'sha256:added';
    },
    end: async () => {},
  };
});
