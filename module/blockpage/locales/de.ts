import { html } from '../html.ts'
import type { Texts } from './texts.ts'

export const de: Texts = {
  language: 'de',
  self: 'Deutsch',
  chooseLanguage: 'Sprache',
  category: {
    malware: {
      name: 'Schadsoftware',
      sentence:
        'Diese Website ist dafür bekannt, Schadsoftware zu verbreiten, die Sie ausspioniert, Ihr Gerät beschädigt oder Ihre Dateien verschlüsselt.',
    },
    phishing: {
      name: 'Phishing',
      sentence:
        'Diese Website ist für Phishing bekannt: Sie gibt sich als vertrauenswürdiges Unternehmen oder als Behörde aus, um Ihre Passwörter oder Bankdaten zu stehlen.',
    },
    botnet: {
      name: 'Botnetz',
      sentence: 'Diese Adresse ist dafür bekannt, infizierte Geräte fernzusteuern.',
    },
    cryptojacking: {
      name: 'Cryptojacking',
      sentence:
        'Diese Website ist dafür bekannt, mit den Geräten ihrer Besucher heimlich Kryptowährung zu schürfen. Die Geräte werden dadurch langsam und ihr Akku leert sich schnell.',
    },
    scam: {
      name: 'Betrug',
      sentence:
        'Diese Website ist für Betrug bekannt, etwa mit einem falschen Onlineshop, einer Geldanlage, die zu schön ist, um wahr zu sein, oder einem Gewinn, den es nicht gibt.',
    },
    'resolver-bypass': {
      name: 'Umgehung des Schutzes',
      sentence:
        'Diese Adresse gehört zu einem Dienst, mit dem Geräte den Schutz Ihres Internetanschlusses umgehen würden.',
    },
    blocked: {
      name: 'Von einem anderen Filter gesperrt',
      sentence:
        'Ein anderer Filter an Ihrem Internetanschluss hat diese Website bereits gesperrt, ohne uns einen Grund zu nennen.',
    },
    other: { name: 'Andere Gefahren', sentence: 'Diese Website ist als gefährlich bekannt.' },
  },
  blocked: {
    title: 'Website gesperrt',
    heading: 'Wir haben diese Website gesperrt',
    inOwnScript: 'In der eigenen Schrift:',
    imitation:
      'Vorsicht: Manche Buchstaben dieses Namens ähneln denen eines anderen Alphabets. So werden oft bekannte Namen nachgeahmt.',
    listedAs: 'In der Liste unter:',
    testName: 'Dies ist eine Testadresse. Dass Sie diese Seite sehen, zeigt, dass der Schutz funktioniert.',
    goBack: 'Gehen Sie zurück oder schließen Sie diese Seite.',
    haveChecked:
      'Haben Sie diese Adresse nicht selbst geöffnet? Dann ist möglicherweise eines Ihrer Geräte infiziert: Lassen Sie es überprüfen.',
    nothingLoaded: 'Von dieser Website wurde nichts geladen.',
    enteredHeading: 'Haben Sie auf dieser Website früher schon etwas eingegeben?',
    password: 'Ein Passwort? Ändern Sie es sofort, überall dort, wo Sie es verwenden.',
    bank: (number) =>
      html`Karten- oder Bankdaten? Rufen Sie Card Stop unter ${number} an und informieren Sie Ihre Bank. Card Stop ist rund um die Uhr erreichbar.`,
    police: 'Haben Sie Geld verloren? Erstatten Sie Anzeige bei der lokalen Polizei.',
    infectedHeading: 'Was tun, wenn ein Gerät infiziert ist?',
    infected: [
      'Trennen Sie das Gerät vom Internet, bis es überprüft ist.',
      'Installieren Sie alle Updates und führen Sie einen Virenscan durch, oder lassen Sie sich von Fachleuten helfen.',
      'Ändern Sie danach Ihre wichtigsten Passwörter auf einem anderen Gerät.',
    ],
    advice: (link) => html`Was Sie sonst noch tun können, lesen Sie auf ${link}.`,
    messageHeading: 'Kam der Link in einer Nachricht?',
    forward: (address) =>
      html`Antworten Sie nicht. Leiten Sie die E-Mail oder einen Screenshot der SMS an ${address} weiter und löschen Sie die Nachricht danach.`,
    mistakeHeading: 'Ist das ein Irrtum?',
    mistake:
      'Sind Sie sicher, dass diese Website ungefährlich ist? Dann melden Sie es uns. Im Formular ist der Name der Website bereits eingetragen; gesendet wird erst, wenn Sie auf „Senden“ klicken.',
    mistakeLink: 'Irrtum melden',
    helpdesk: 'Für den Kundendienst:',
    helpdeskModem: (end) => `Modem ${end}`,
    helpdeskList: (version) => `Liste ${version}`,
  },
  about: {
    heading: (service) => `Über ${service}`,
    protects: (service) =>
      `${service} schützt alle Geräte an Ihrem Internetanschluss vor gefährlichen Websites.`,
    wouldProtect: (service) =>
      `Wenn ${service} aktiv ist, sind alle Geräte an Ihrem Internetanschluss vor gefährlichen Websites geschützt.`,
    limits: (service) =>
      `Kein Schutz ist lückenlos: Wir können nicht garantieren, dass jede gefährliche Website gesperrt wird. Bleiben Sie also wachsam. ${service} bereinigt keine Geräte: Von einem bereits infizierten Gerät wird nichts entfernt.`,
    help: (operator) => `Hilfe von ${operator}`,
  },
  status: {
    title: (service) => `${service}: Status`,
    protected: 'Ihr Internet\u00adanschluss ist geschützt',
    unprotected: 'Ihr Internet\u00adanschluss ist im Moment nicht geschützt',
    outdated: 'Ihr Schutz ist veraltet',
    protectedText: (service) =>
      `${service} sperrt gefährliche Websites auf jedem Gerät, das mit diesem Modem verbunden ist.`,
    outdatedText: (age) =>
      `Die Liste der gefährlichen Websites wurde ${age} empfangen. Seither hinzugekommene Websites werden nicht gesperrt, die übrigen weiterhin.`,
    why: {
      disabled:
        'Der Dienst ist für Ihren Internetanschluss ausgeschaltet. Ihr Internet funktioniert wie gewohnt.',
      suspended:
        'Der Dienst ist wegen Wartung oder zum Schutz des Netzes unterbrochen. Ihr Internet funktioniert wie gewohnt.',
      terminated:
        'Sie haben für diesen Internetanschluss kein Abonnement auf den Dienst. Ihr Internet funktioniert wie gewohnt.',
      'no-list':
        'Die Liste der gefährlichen Websites ist noch unterwegs zu diesem Modem. Ihr Internet funktioniert wie gewohnt.',
      'self-test':
        'Das Modem hat einen Fehler entdeckt und versucht, ihn zu beheben. Ihr Internet funktioniert wie gewohnt.',
      paused:
        'Der Dienst ist vorübergehend für alle Kunden unterbrochen. Ihr Internet funktioniert wie gewohnt.',
      other: 'Der Dienst ist im Moment nicht aktiv. Ihr Internet funktioniert wie gewohnt.',
    },
    todo: {
      switchOn: (operator) => `Möchten Sie den Schutz wieder einschalten? Wenden Sie sich an ${operator}.`,
      subscribe: (operator) => `Möchten Sie den Schutz nutzen? Fragen Sie bei ${operator} danach.`,
      wait: 'Sie brauchen nichts zu tun: Der Schutz schaltet sich von selbst wieder ein.',
      restart: (operator) =>
        `Bleibt es dabei? Starten Sie Ihr Modem neu. Hilft das nicht, wenden Sie sich an ${operator}.`,
    },
    since: (moment) => html`Seit dem ${moment}`,
    notBlockedHeading: 'Wollten Sie eine andere Website öffnen?',
    notBlocked: (name) =>
      html`${name} ist nicht (mehr) gesperrt. Ihr Browser merkt sich die alte Adresse bis zu einer Minute: Warten Sie so lange und laden Sie die Seite dann neu.`,
    notBlockedSoon: (name) =>
      html`${name} ist nicht mehr gesperrt. Ihr Browser merkt sich die alte Adresse noch kurz: In etwa einer Minute öffnet sich die Website hier von selbst.`,
    weekHeading: 'In den letzten sieben Tagen abgewehrt',
    weekNone: 'Keine Bedrohungen in den letzten sieben Tagen.',
    weekTotal: (count) => (count === 1 ? 'Bedrohung' : 'Bedrohungen'),
    weekPicture: 'Abgewehrte Bedrohungen pro Tag',
    weekCategory: 'Art',
    weekCount: 'Anzahl',
    unseenHeading: 'Hat Ihr Browser einen Fehler gemeldet?',
    unseenWhy:
      'Bei einem Link, der mit https:// beginnt, können wir unsere Seite nicht zeigen: Ihr Browser meldet dann einen Fehler. Eine App zeigt oft gar nichts.',
    unseen: (count, when) =>
      html`In den letzten 24\u00a0Stunden wurde ${count === 1 ? 'einmal' : `${count}-mal`} eine gefährliche Adresse gesperrt, ohne dass unsere Seite erschien, zuletzt ${when}. Welche Adresse es war, speichern wir nicht.`,
    listHeading: 'Liste der gefährlichen Websites',
    list: (version, age) => `Version ${version}, ${age} empfangen.`,
    listChecked: (age) => `Zuletzt geprüft: ${age}.`,
    listNone: 'Auf diesem Modem ist noch keine Liste.',
    tryHeading: 'Schutz testen',
    try: 'Die Schaltfläche öffnet eine harmlose Testadresse, die immer gesperrt ist. Sehen Sie danach unsere Sperrseite, funktioniert der Schutz.',
    mistakeHeading: 'Stimmt etwas nicht?',
    mistake: 'Ist eine ungefährliche Website gesperrt oder eine gefährliche nicht? Melden Sie es uns.',
  },
  months: [
    'Januar',
    'Februar',
    'März',
    'April',
    'Mai',
    'Juni',
    'Juli',
    'August',
    'September',
    'Oktober',
    'November',
    'Dezember',
  ],
  weekdays: ['Sonntag', 'Montag', 'Dienstag', 'Mittwoch', 'Donnerstag', 'Freitag', 'Samstag'],
  weekdayLetters: 2,
  clock: (hours, minutes) => `${hours}:${minutes}\u00a0Uhr`,
  moment: (day, month, year, time) => `${day}. ${month} ${year} um ${time}`,
  today: (time) => `heute um ${time}`,
  yesterday: (time) => `gestern um ${time}`,
  thousands: '.',
  age: {
    moments: () => 'soeben',
    minute: (n) => (n === 1 ? 'vor einer Minute' : `vor ${n} Minuten`),
    hour: (n) => (n === 1 ? 'vor einer Stunde' : `vor ${n} Stunden`),
    day: (n) => (n === 1 ? 'vor einem Tag' : `vor ${n} Tagen`),
  },
  safeonweb: 'https://safeonweb.be/de',
  suspicious: 'suspekt@safeonweb.be',
}
