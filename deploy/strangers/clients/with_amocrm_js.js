// amocrm-js: its client, factories and entities. It keeps no budget of requests, so this file pauses between steps.
const { Client } = require('amocrm-js');
const { expect, tried, pause } = require('../tried.js');

const auth = { client_id: 'strangers', client_secret: 'stranger-secret', redirect_uri: 'https://rost.example/amo' };
const client = new Client({ domain: 'rost', auth: { ...auth, bearer: process.env.AMO_TOKEN } });
const made = {};

const steps = {
  async 'account'() {
    const { data } = await client.request.get('/api/v4/account', { with: 'task_types' });
    expect(data.id === 31877554, `account ${data.id}`);
  },
  async 'leads: create, update, get'() {
    const lead = new client.Lead({ name: 'Walter White' });
    lead.price = 700;
    await lead.save();
    made.lead = lead.id;
    lead.price = 800;
    await lead.save();
    const seen = await client.leads.getById(lead.id, { with: ['contacts'] });
    expect(seen.price === 800 && seen.name === 'Walter White', `price ${seen.price}`);
    const [one, two] = await client.leads.create([{ name: 'Раз' }, new client.Lead({ name: 'Два' })]);
    made.leads = [one.id, two.id];
    await client.leads.update([{ id: one.id, name: 'Первая' }]);
    expect((await client.leads.getById(one.id)).name === 'Первая', 'not renamed');
  },
  async 'leads: next and previous page'() {
    const pages = await client.leads.get({ limit: 2, order: { id: 'asc' } });
    expect(pages.getData().length === 2 && pages.hasNext(), 'no second page');
    const first = pages.getData().map(({ id }) => id);
    await pages.next();
    expect(pages.getPage() === 2 && !first.includes(pages.getData()[0].id), `page ${pages.getPage()}`);
    await pages.prev();
    expect(pages.getData().map(({ id }) => id).join() === first.join(), 'another first page');
  },
  async 'filters of leads'() {
    const found = await client.leads.get({ filter: { id: made.leads } });
    expect(found.getData().length === 2, `two ids: ${found.getData().length}`);
    const priced = await client.leads.get({ filter: { price: { from: 800, to: 800 } } });
    expect(priced.getData().length === 1, `by price: ${priced.getData().length}`);
  },
  async 'contacts: create, update, query'() {
    const phone = { field_code: 'PHONE', values: [{ value: '+79035550160', enum_code: 'WORK' }] };
    const contact = new client.Contact({ name: 'Игорь', custom_fields_values: [phone] });
    await contact.save();
    contact.name = 'Игорь Орлов';
    await contact.save();
    await pause(1500);
    const found = await client.contacts.get({ query: '79035550160' });
    expect(found.getData()[0]?.name === 'Игорь Орлов', 'not found by phone');
  },
  async 'companies: create, get'() {
    const company = new client.Company({ name: 'ООО «Мак»' });
    await company.save();
    expect((await client.companies.getById(company.id)).name === 'ООО «Мак»', 'another name');
  },
  async 'tasks: create, complete, get'() {
    const till = Math.floor(Date.now() / 1000) + 3600;
    const task = new client.Task({ text: 'Позвонить', complete_till: till, entity_type: 'leads', entity_id: made.lead });
    await task.save();
    await client.tasks.update([{ id: task.id, is_completed: true, result: { text: 'готово' } }]);
    expect((await client.tasks.getById(task.id)).is_completed, 'not completed');
  },
  async 'tasks: filter is_completed[]=1'() {
    const done = await client.tasks.get({ filter: { is_completed: [1], entity_type: 'leads', entity_id: [made.lead] } });
    expect(done.getData().length === 1, `${done.getData().length} of one`);
    const open = await client.tasks.get({ filter: { is_completed: [0], entity_type: 'leads', entity_id: [made.lead] } });
    expect(open.getData().length === 0, `${open.getData().length} open of none`);
  },
  async 'tags: create, list'() {
    await client.leads.tags.create([{ name: 'из js' }]);
    const tags = await client.leads.tags.get();
    expect(tags.getData().some(({ name }) => name === 'из js'), 'not in the list');
  },
  async 'notes by request'() {
    const note = [{ note_type: 'common', params: { text: 'после шести' } }];
    const { data } = await client.request.post(`/api/v4/leads/${made.lead}/notes`, note);
    const id = data._embedded.notes[0].id;
    await client.request.patch('/api/v4/leads/notes', [{ id, note_type: 'common', params: { text: 'иначе' } }]);
    const seen = await client.request.get(`/api/v4/leads/${made.lead}/notes/${id}`);
    expect(seen.data.params.text === 'иначе', 'not changed');
  },
  async 'OAuth by code, then a refreshed token'() {
    const other = new Client({ domain: 'rost', auth: { ...auth, code: 'stranger-code' } });
    const first = (await other.request.get('/api/v4/account')).data.id;
    const before = other.token.getValue().refresh_token;
    await other.token.refresh();
    expect(first === 31877554 && other.token.getValue().refresh_token !== before, 'not refreshed');
    await other.request.get('/api/v4/account');
  },
};

(async () => {
  for (const [what, call] of Object.entries(steps)) {
    await pause(1000);
    await tried(what, call);
  }
})();
