import { rules, type WordRules } from './rules.ts';

/** Departments of shops: they say more than the shop's own name ("COSTCO GAS", "WALMART PHARMACY"). */
export const DEPARTMENT_WORDS: readonly WordRules[] = [
  rules(
    'Car',
    `gas station, gas stn, gasoline, petrol station, filling station, fuel station, fuel center, fuel pump, petrol,
     tankstelle, carburant, car wash, tire center, auto center`,
  ),
  rules('Health', 'pharmacy, vision center, optical, photo pharmacy, minute clinic'),
];

/** Words that say why money came in, whoever paid. */
export const INCOME_WORDS: readonly WordRules[] = [
  rules(
    'Salary',
    `salary, payroll, wage, wages, paycheck, pay check, direct dep, direct deposit, dir dep, direct deposit payroll,
     gehalt, lohn, gehaltszahlung, lohnzahlung, salaire, traitement, nomina, sueldo, salario, stipendio, salaris, loon,
     ordenado, vencimento, lon, lonn, bonus payment, commission payment, pension, rente, retraite, pensione, stipend,
     adp totalsource, gusto pay, paychex, net pay, monthly pay`,
    'in',
  ),
  rules(
    'Benefits',
    `social security, ssa treas, ssi treas, soc sec, unemployment, unemployment benefit, jobseeker, jobseekers,
     universal credit, child benefit, kindergeld, arbeitslosengeld, burgergeld, elterngeld, caf, allocations familiales,
     pole emploi, france travail, housing benefit, disability benefit, child support, state pension, state benefit,
     va benefit, tax credit, stimulus, sassa`,
    'in',
  ),
  rules(
    'Dividends',
    'dividend, dividends, dividend earned, div earned, distribution, capital gain, dividende, dividenden, dividendo',
    'in',
  ),
  rules(
    'Interest',
    `interest, int earned, interest paid, interest earned, interest payment, interest credit, annual percentage yield,
     apy earned, zinsen, habenzinsen, zins, interets, intereses, interessi, rente op spaargeld, juros`,
    'in',
  ),
  rules(
    'Refunds',
    `refund, refunded, rebate, cashback, cash back, reversal, merchandise return, return of goods, chargeback,
     chargeback credit, reimbursement, reimburse, expense reimbursement, tax refund, irs treas, credit voucher,
     ruckerstattung, erstattung, gutschrift retoure, remboursement, reembolso, devolucion, rimborso, terugbetaling,
     steuererstattung`,
    'in',
  ),
];

/** Words that only say how money moved: whatever says what for comes before them. */
export const MEANS_WORDS: readonly WordRules[] = [
  rules('Cash', 'withdrawal, withdraw', 'out'),
  rules(
    'Transfers',
    `transfer, transfers, xfer, trf, tfr, wire, wire transfer, bank transfer, online transfer, internal transfer,
     account transfer, transfer to, transfer from, funds transfer, nip transfer, ach transfer, e transfer, etransfer,
     interac transfer, faster payment, standing order, giro, sepa transfer, uberweisung, dauerauftrag, ubertrag,
     virement, transferencia, bonifico, overboeking, overforing, spei, neft, imps, upi, rtgs, remittance,
     money transfer, send money, p2p, savings, savings account, to savings, from savings, umbuchung, mobile transfer`,
  ),
  // Cheques are not among them: who pays in a cheque has been paid.
  rules(
    'Deposits',
    'cash deposit, atm deposit, counter deposit, bareinzahlung, einzahlung, depot especes, ingreso efectivo',
    'in',
  ),
];
