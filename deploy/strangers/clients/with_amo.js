// @shevernitskiy/amo: what the other clients of amoCRM lack: unsorted requests, salesbot, roles, links in bulk, tags
// and notes in bulk, the event log. Its queue keeps 150 ms between two requests.
const { Amo } = require('@shevernitskiy/amo');
const { expect, tried } = require('../tried.js');

const day = Date.now() + 86400000;
const token = { token_type: 'Bearer', access_token: process.env.AMO_TOKEN, refresh_token: '-', expires_in: 86400 };
const auth = { client_id: 'strangers', client_secret: 'stranger-secret', redirect_uri: 'https://rost.example/amo' };
const amo = new Amo('rost.amocrm.ru', { ...auth, ...token, expires_at: day }, { request_delay: 200 });
const made = {};
const now = Math.floor(Date.now() / 1000);

const steps = {
  async 'account, users, roles'() {
    expect((await amo.account.getAccount({ with: ['task_types'] })).id === 31877554, 'another account');
    expect((await amo.user.getUsers())._embedded.users.length >= 3, 'too few users');
    expect((await amo.user.getRoles())._embedded.roles.length >= 1, 'no roles');
  },
  async 'unsorted: a form is added, listed, accepted'() {
    const form = {
      source_name: 'Сайт', source_uid: 'site-1', request_id: '7', pipeline_id: 8123410,
      metadata: { form_id: 'f1', form_name: 'Заявка', form_page: 'https://rost.example', form_sent_at: now, ip: '192.0.2.1',
        referer: 'https://rost.example' },
      _embedded: { leads: [{ name: 'Из формы', price: 10 }], contacts: [{ name: 'Вера' }] },
    };
    const added = await amo.unsorted.addUnsortedForm([form]);
    const { uid } = added._embedded.unsorted[0];
    const listed = await amo.unsorted.getUnsorted({ filter: (one) => one.multi('category', ['forms']) });
    expect(listed._embedded.unsorted.some((one) => one.uid === uid), 'not in the list');
    expect((await amo.unsorted.getUnsortedByUid(uid)).category === 'forms', 'another category');
    const accepted = await amo.unsorted.acceptUnsortedByUid(uid, { user_id: 10412345, status_id: 66104106 });
    made.lead = accepted._embedded.leads[0].id;
    expect((await amo.lead.getLeadById(made.lead)).status_id === 66104106, 'another stage');
  },
  async 'unsorted: a call is added, summed up, declined'() {
    const call = {
      source_name: 'АТС', source_uid: 'pbx-1', request_id: '8', pipeline_id: 8123410,
      metadata: { uniq: 'call-1', duration: 0, service_code: 'pbx', link: 'https://rost.example/1.mp3', from: '+79035550180', phone: '74955550000',
        called_at: now, is_call_event_needed: true },
      _embedded: { leads: [{ name: 'Пропущенный' }], contacts: [{ name: 'Незнакомый' }] },
    };
    const { uid } = (await amo.unsorted.addUnsortedSip([call]))._embedded.unsorted[0];
    expect((await amo.unsorted.getUnsortedSummary()).total >= 1, 'none in the summary');
    await amo.unsorted.declineUnsortedByUid(uid, { user_id: 10412345 });
  },
  async 'tags of leads: made, added, removed'() {
    const tags = await amo.tag.addTags('leads', [{ name: 'оптом' }]);
    const { id } = tags._embedded.tags[0];
    await amo.tag.addTagsToEntities('leads', [{ id: made.lead, _embedded: { tags: [{ id }] } }]);
    expect((await amo.lead.getLeadById(made.lead))._embedded.tags.some((tag) => tag.id === id), 'not added');
    await amo.tag.deleteTagsFromEntities('leads', [{ id: made.lead, _embedded: { tags: null } }]);
    expect(!(await amo.lead.getLeadById(made.lead))._embedded.tags.length, 'not removed');
  },
  async 'links in bulk'() {
    const [contact] = (await amo.contact.addContacts([{ name: 'Ира' }]))._embedded.contacts;
    const link = { entity_id: made.lead, to_entity_id: contact.id, to_entity_type: 'contacts' };
    await amo.link.addLinksByEntityType('leads', [link]);
    const links = await amo.link.getLinksByEntityType('leads', { filter: (one) => one.multi('entity_id', [made.lead]) });
    expect(links._embedded.links.some((one) => one.to_entity_id === contact.id), 'not linked');
    made.link = link;
  },
  // It takes the documented 204 for an error.
  async 'links in bulk: removed'() {
    await amo.link.deleteLinksByEntityType('leads', [made.link]);
  },
  async 'notes in bulk'() {
    const note = { entity_id: made.lead, note_type: 'common', params: { text: 'раз' } };
    const [{ id }] = (await amo.note.addNotes('leads', [note]))._embedded.notes;
    await amo.note.updateNotes('leads', [{ id, entity_id: made.lead, note_type: 'common', params: { text: 'два' } }]);
    const seen = (await amo.note.getNotesByEntityId(made.lead, 'leads'))._embedded.notes.find((one) => one.id === id);
    expect(seen.params.text === 'два', seen.params.text);
  },
  async 'tasks: added, completed'() {
    const task = { text: 'Позвонить', complete_till: now + 3600, entity_id: made.lead, entity_type: 'leads' };
    const [{ id }] = (await amo.task.addTasks([task]))._embedded.tasks;
    await amo.task.completeTaskById(id, { is_completed: true, result: { text: 'готово' } });
    expect((await amo.task.getTaskById(id)).is_completed, 'not completed');
  },
  async 'companies'() {
    const [{ id }] = (await amo.company.addCompanies([{ name: 'ООО «Клевер»' }]))._embedded.companies;
    expect((await amo.company.getCompanyById(id)).name === 'ООО «Клевер»', 'another name');
  },
  async 'events and their types'() {
    const events = await amo.event.getEvents({ filter: (one) => one.multi('type', ['lead_added']) });
    expect(events._embedded.events.every((one) => one.type === 'lead_added'), 'another type');
    await amo.event.getEventById(events._embedded.events[0].id);
    await amo.event.getEventsTypes('ru');
  },
  async 'leads: a filter by stage'() {
    const filter = (one) => one.statuses([[8123410, 66104106]]);
    const leads = await amo.lead.getLeads({ filter });
    expect(leads._embedded.leads.some((one) => one.id === made.lead), 'not found by its stage');
  },
  async 'salesbot run'() {
    await amo.salesbot.runTask([{ bot_id: 1, entity_id: made.lead, entity_type: 2 }]);
  },
};

const theirs = { 'links in bulk: removed': /204 No Content/ };

(async () => {
  for (const [what, call] of Object.entries(steps)) await tried(what, call, theirs[what]);
})();
