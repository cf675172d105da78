//! The list of phrases: what may be said, and of what. Never contains words, which are in
//! `texts/phrases.toml`. Enter at the table of a section.

use super::*;

phrases! {
    /// Words for what is said inside other phrases and texts.
    word {
        minutes(minutes: Number, seconds: Number);
        mail_is_bad;
        no_day;
        no_time;
        no_such_day;
        day_is_past;
        day_is_long_past;
        time_is_past;
        answered;
        cut_off;
        no_answer;
        busy;
        rejected;
        unreachable;
        invalid_number;
        failed;
        cancelled;
        voicemail;
        same_phone;
        same_email;
        same_both;
    }
    /// What a command does, after «не удалось».
    command {
        save_lead;
        save_contact;
        set_stage;
        set_responsible;
        set_price;
        set_tags;
        clear_field;
        create_task;
        move_task;
        close_task;
        add_note;
        show_next;
        add_call;
        set_status(status: Words);
        add_comment;
        set_order_manager;
        read_order;
        read_gone;
        send_letter;
        start_call;
        confirm_payment;
    }
    /// Why a task closed: its result in the CRM.
    result {
        answer_came;
        new_round;
        dialling_over;
        not_reached(outcome: Words);
        double;
        mistake;
        date_came;
        waiting;
        asked_again;
        other_order;
        handed_over;
        not_needed;
        part_came;
        refund;
        refund_over;
        paid;
        number_unfit;
        number_missing;
        number_came;
        promised_call;
        asking_reason;
        waiting_for_reason;
        refusal;
        talked;
        task_closed;
        passed_on;
        no_number;
    }
    /// Why the manager is asked again, or a person is given the order: a whole sentence.
    why {
        no_answer;
        day_needed(said: Quote, wrong: Words, example: Words);
        other_day_needed(said: Quote, wrong: Words, example: Words);
        time_needed(said: Quote, wrong: Words, example: Words);
        time_of_day_needed(day: Day, said: Quote, from: Time, clock: Words, example: Words);
        not_understood(said: Quote, example: Words);
        call_then(named: Time, example: Words);
        time_refused(named: Time, past: Flag, offered: Time);
        pay_day_needed(said: Quote, wrong: Words, example: Words);
        not_paid;
        no_other_order;
        paid_double;
        no_refund;
        closed_without_answer;
        payment_not_found(reads: Flag);
        step_due(about: Words);
        lead_deleted;
        task_failed;
        reason_needed(said: Quote);
        words_needed;
        closed_without_reason;
        phone_needed;
        nowhere_to_call;
        number_wrong;
        nobody_took;
        nobody_took_in_time;
        client_calls;
        being_talked_to;
        taken_before(manager: Manager);
    }
    answers {
        second;
        time_asked(day: Day);
        unclear(said: Quote);
        far(day: Day);
        still_far(day: Day);
        doubt(letter: Flag, day: Day);
        own_try(day: Day);
        instalment(letter: Flag);
        long_cycle;
        special(until: Time);
        mistake;
        wrong_number;
        paid(reads: Flag);
    }
    /// Why an order has its route.
    routes {
        by_offer(route: Quote, offer: Quote);
        by_line(route: Quote, line: Quote);
        by_condition(route: Quote, when: Quote);
        rest(route: Quote);
        none;
        for_now(route: Quote);
        unsure(route: Quote, unknown: Quote);
        again(route: Quote);
        late(route: Quote);
        completed;
    }
    /// What comes next, on the lead's card (K10).
    next {
        call(at: Time);
        taker;
        payment_checked;
        payment_awaited;
        payment_by_head;
        attempt(at: Time, number: Number, last: Words);
        call_back(at: Time);
        promised(day: Day);
        part(day: Day);
        follow_up(day: Day);
        number(day: Day);
        last_letter(at: Time);
        ends(at: Time);
    }
    arrival {
        by_call;
        read_first(lacks: Quote);
        as_told;
        ended_before;
        pool_waits;
        own_manager(manager: Manager);
        by_route(manager: Manager);
        by_queue(why: Words, manager: Manager);
        pause(until: Time);
        by_manager;
        pause_over;
        pause_over_in_pool;
        unseen(reads: Flag);
        only_recorded;
    }
    calls {
        known;
        only_recorded(closed: Flag);
        counted_by_word;
        missed(due: OnDay, later: Flag);
        cut_off(length: Words);
        call_back_after(why: Words, due: OnDay, later: Flag);
        word_ignored;
        talk_known;
        said_reached;
        attempt_known;
        said_not_reached;
        corrected(at: Time, length: Words, recording: Words);
    }
    call_start {
        manager_talks;
        not_started(why: Words);
        too_late;
        client_hours;
        manager_hours;
        no_phone;
        no_extension;
        just_called;
        still_busy;
        begun(manager: Manager);
        under_way;
        not_picked_up;
        failed;
    }
    crm {
        other_lead;
        other_pipeline;
        nothing_new;
        taken_before(manager: Manager);
        won_by_hand(reads: Flag);
        moved_back;
        moved;
        deleted;
        deleted_again(day: Day);
        saved(lead: Quote);
        linked;
        source;
        same_phone_as(user: Words);
        same_phone;
        same_email_as(user: Words);
        same_email;
        joined(by: Words, former: Words, school: Words, order: Words);
        guessed(by: Words);
        set_apart;
        left(order: Words);
    }
    dialling {
        task(number: Number);
        task_ahead(at: Time);
        check_contacts;
        planned(at: Time);
        off_plan(at: Time);
        closed_hours;
        no_call;
        attempt(number: Number, outcome: Words);
        our_failure;
    }
    doubles {
        maybe;
        folding;
        double(number: Words);
        twice;
        both_paid;
    }
    ended {
        paid(reads: Flag);
        returned(reads: Flag);
        nothing_changes;
    }
    follow_up {
        due;
        other_order;
    }
    giving_up {
        letter_waits;
        last_letter(attempts: Number, days: Number, letter: Flag);
        ended(postponed: Flag);
    }
    guard {
        set(at: Time);
        not_needed;
        read_later;
        no_order;
        status_failed(what: Words);
        goes_on(what: Words);
        order_closed(what: Words);
        retry(what: Words, at: Time);
        due;
        repeated;
    }
    hand_over {
        responsible(manager: Manager);
        counts(attempts: Number, talks: Number);
        last_call(at: Time, outcome: Words);
        promised_call(at: Time, why: Words);
        promised_payment(day: Day);
        next_step(at: Time);
    }
    letters {
        no_address(letter: Quote);
        sent_today(letter: Quote);
        sent(letter: Quote);
        held(letter: Quote, why: Words);
        bad_address;
        not_delivered(letter: Quote);
        refused;
        not_taken(letter: Quote);
        in_doubt;
        maybe_lost(letter: Quote);
    }
    /// Why a letter or a call is held back, after «не отправлено:» or «не начали звонок:».
    limit {
        letters_per_address;
        first_letters;
        letters;
        calls_per_number;
        calls;
        country;
        link;
    }
    late {
        task_left;
        lead;
        task;
        task_too_late;
    }
    orders {
        strange_link;
        end_is_read;
        sum_is_read;
        end_beside_a_payment;
        closed;
        nothing_new;
        client_nothing_new;
        other_manager(named: Manager, ours: Manager);
        unknown_manager;
        unconfirmed;
        confirm_by_hand(values: Words);
        new_sum(sum: Words);
        status(status: Words);
    }
    parts {
        part(number: Number, paid: Words, cost: Words, due: Day);
        reopened;
        reminded(letter: Flag);
        missed;
    }
    payment {
        being_checked;
        reported;
        told;
        waits;
        by_word;
        asked_again;
        not_confirmed;
        free;
        won(sum: Words);
        currencies(paid: Words, known: Words);
        no_sum;
        short;
        after_the_end;
    }
    phone {
        asked(typed: Quote, bad: Words, letter: Flag, held: Flag, email: Flag);
        never_came;
        still_missing;
        came;
        next_number;
    }
    pool {
        taken(manager: Manager);
    }
    promise {
        time_refused(named: Time, past: Flag, offered: Time);
        day_off(day: Day);
        call_back(at: Time);
        soon;
        due;
        pay(day: Day);
        restored;
        too_late_to_remind;
        reminded(letter: Flag);
        checked(reads: Flag);
        not_paid;
    }
    /// What stands in the CRM's cards beside the process.
    card {
        no_name;
        hidden_number;
        continues(lead: Words);
        left_out(fields: Words);
        price(sum: Words, why: Words);
        other_currency(currency: Words);
        price_too_large;
    }
    /// Pages that a person sees who connects an account.
    consent {
        given;
        refused;
    }
    refund {
        sums(before: Words, now: Words);
        status(paid: Words, status: Words);
        less(less: Words, head: Manager);
        /// Only a status tells of it.
        said(status: Words, head: Manager);
        /// Nobody is asked.
        noted(less: Words);
        being_read;
        older;
        maybe;
        asked_again;
        back;
        /// What the head answered after a check.
        checked(said: Quote);
        /// The head's words are no decision.
        undecided(said: Quote, at: Time);
        returned(left: Words);
        stays;
        mistake;
        /// Another event while the head decides.
        waits;
        tag;
        /// The money was moved to another order of the client, or came from one.
        went(number: Words, sum: Words);
        came(number: Words, sum: Words);
    }
    refusal {
        asked(why: Words);
        with_money;
        refused(reason: Words, why: Quote);
        /// The reason in GetCourse.
        reason(reason: Words, why: Words);
        cancelled_outside;
        false_outside;
        ended_outside(what: Words);
    }
    talk {
        talked(length: Words, manager: Manager);
        not_asked;
        not_asked_until(day: Day);
        asked;
        asked_again(why: Words);
    }
    task {
        nobody;
        known;
        in_flight;
        manager(manager: Manager);
        put_back;
        done(result: Quote);
        call_closed(gone: Flag);
        call_closed_early(gone: Flag);
        promised_closed(gone: Flag);
        late;
        passed_on(manager: Manager);
        nobody_free;
    }
}
